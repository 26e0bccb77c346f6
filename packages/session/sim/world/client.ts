import { SeededRandom, type ProcessClock } from '@kwik/testbed';
import type { PathTransport } from '@kwik/wire';
import type { DialOptions, DialTarget } from '../../src/api/options.js';
import type { Session } from '../../src/api/session.js';
import type { Connector, ConnectOptions } from '../../src/client/connector.js';
import { dialOver } from '../../src/client/dial.js';
import { dialService, firstTarget, pinnedTo } from '../../src/client/service-dial.js';
import type { Found } from '../actors/found.js';
import { leakInto, type Canary } from '../rules/canary.js';
import type { SessionEngine } from '../../src/runtime/session/engine.js';
import { SERVICE } from './announcements.js';
import { IDLE_TIMEOUT_MS, linkName, TRANSPORT_WINDOWS } from './server.js';
import type { World } from './world.js';

/** The client's process: it dials the primary once. */
export class SimulatedClient {
  readonly process: ProcessClock;
  readonly transports: PathTransport[] = [];
  readonly #world: World;
  readonly #hosts: readonly string[];
  readonly #canary: Canary | undefined;
  session: Session | undefined;

  constructor(world: World, canary?: Canary) {
    this.#world = world;
    this.#canary = canary;
    this.process = world.startProcess(homeHost(0), world.plan.clientOffsetMs);
    this.#hosts = [homeHost(0), ...world.plan.homes.map((_, index) => homeHost(index + 1))];
    for (const host of this.#hosts) world.processes.set(host, this.process);
  }

  async #connect({ host, port }: DialTarget, home: number, timeoutMs: number): Promise<PathTransport> {
    const to = `${host}:${port}`;
    const transport = await this.#world.network.dial({
      to,
      from: homeHost(home),
      link: linkName(to, home),
      timeoutMs,
      idleTimeoutMs: IDLE_TIMEOUT_MS,
      ...TRANSPORT_WINDOWS,
    });
    this.transports.push(transport);
    if (this.#canary === 'leak' && !this.#world.processes.has(host)) leakInto(transport);
    return transport;
  }

  async dial(primary: string, probe: (engine: SessionEngine) => void): Promise<Session> {
    const [host, port] = primary.split(':') as [string, string];
    this.session = await this.#open({ host, port: Number(port) }, this.#options(), this.#connector(), probe);
    return this.session;
  }

  /** The first to answer of the servers that are found. */
  async dialService(found: Found, probe: (engine: SessionEngine) => void): Promise<Session> {
    const connector = this.#connector((address) => found.rules.dialled(address));
    const options = { ...this.#options(), discovery: found.ofClient(this) };
    this.session = await dialService(SERVICE, options, (server, own) =>
      this.#open(firstTarget(server), own, pinnedTo(server, connector), probe),
    );
    return this.session;
  }

  #connector(onDial: (address: string) => void = () => undefined): Connector {
    return {
      connect: async (target: DialTarget, { timeoutMs, localAddress, admit }: ConnectOptions) => {
        await admit?.([target.host], target.port);
        onDial(`${target.host}:${target.port}`);
        return this.#connect(target, Math.max(0, this.#hosts.indexOf(localAddress ?? homeHost(0))), timeoutMs);
      },
      connectThrough: async (relay: PathTransport, connectionId: Uint8Array, { timeoutMs, signal }: ConnectOptions) => {
        const through = this.#world.relayAt(relay.remote);
        const options = { from: homeHost(0), timeoutMs, idleTimeoutMs: IDLE_TIMEOUT_MS, ...TRANSPORT_WINDOWS };
        const transport = await through.dial(connectionId, { ...options, ...(signal !== undefined && { signal }) });
        this.transports.push(transport);
        return transport;
      },
      connectAgain: ({ local, remote: { address: host, port } }, { timeoutMs }) =>
        this.#connect({ host, port }, this.#hosts.indexOf(local.address), timeoutMs),
      close: () => Promise.resolve(),
    };
  }

  #options(): DialOptions {
    const { clientLimits, clientRouting, scheduler, seed } = this.#world.plan;
    const jitter = new SeededRandom(seed).fork('jitter');
    return {
      runtime: { clock: this.process, random: () => jitter.float() },
      limits: clientLimits,
      writes: { routing: clientRouting, scheduler },
      paths: { localAddresses: this.#hosts.slice(1) },
      timeouts: { recoveryMs: IDLE_TIMEOUT_MS },
    };
  }

  #open(
    target: DialTarget,
    options: DialOptions,
    connector: Connector,
    probe: (engine: SessionEngine) => void,
  ): Promise<Session> {
    return dialOver(connector, target, options, {
      probe: (engine) => {
        this.#world.engines.add(engine);
        probe(engine);
      },
    });
  }
}

/** The client's host: one for each of its local addresses. */
function homeHost(home: number): string {
  return `10.0.1.${home + 1}`;
}
