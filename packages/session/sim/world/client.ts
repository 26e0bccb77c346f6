import type { ProcessClock } from '@kwik/testbed';
import type { PathTransport } from '@kwik/wire';
import type { Session } from '../../src/api/session.js';
import { dialOver } from '../../src/client/dial.js';
import type { SessionEngine } from '../../src/runtime/engine.js';
import { IDLE_TIMEOUT_MS, TRANSPORT_WINDOWS } from './server.js';
import { CLIENT_HOST, type World } from './world.js';

/** The client's process: it dials the primary once. */
export class SimulatedClient {
  readonly process: ProcessClock;
  readonly transports: PathTransport[] = [];
  readonly #world: World;
  session: Session | undefined;

  constructor(world: World) {
    this.#world = world;
    this.process = world.startProcess(CLIENT_HOST, world.plan.clientOffsetMs);
  }

  async dial(primary: string, probe: (engine: SessionEngine) => void): Promise<Session> {
    const [host, port] = primary.split(':') as [string, string];
    const connector = {
      connect: async (target: { host: string; port: number }, options: { timeoutMs: number }) => {
        const transport = await this.#world.network.dial({
          to: `${target.host}:${target.port}`,
          from: CLIENT_HOST,
          timeoutMs: options.timeoutMs,
          idleTimeoutMs: IDLE_TIMEOUT_MS,
          ...TRANSPORT_WINDOWS,
        });
        this.transports.push(transport);
        return transport;
      },
      close: () => Promise.resolve(),
    };
    const options = { clock: this.process, limits: this.#world.plan.clientLimits };
    this.session = await dialOver(connector, { host, port: Number(port) }, options, (engine) => {
      this.#world.engines.add(engine);
      probe(engine);
    });
    return this.session;
  }
}
