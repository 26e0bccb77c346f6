import { crc32 } from 'node:zlib';
import { SeededRandom, type LinkShape, type ProcessClock } from '@kwik/testbed';
import {
  blockedFrame,
  encodePacket,
  KwikError,
  pingFrame,
  PRIMARY_PATH_ID,
  proto,
  resetStreamFrame,
  streamFrame,
  toStreamId,
  windowUpdateFrame,
  type PathTransport,
  type TransportStream,
} from '@kwik/wire';
import type { DialTarget } from '../../src/api/options.js';
import type { Session } from '../../src/api/session.js';
import { dialOver } from '../../src/client/dial.js';
import type { SessionEngine } from '../../src/runtime/session/engine.js';
import type { SpenderPlan, SpendKind } from '../plan/plan.js';
import { IDLE_TIMEOUT_MS, TRANSPORT_WINDOWS } from './server.js';
import type { World } from './world.js';

const HOST = '10.0.2.1';
const LINK = 'of the spender';
/** Fast enough that what is spent is the server's, not the link's. */
const SHAPE: LinkShape = { both: { rateBitsPerSecond: 20e6, delayMs: 5, queueBytes: 200_000 } };
const FRAMES = 200;
const EVERY_MS = 4;

/**
 * Another client of the primary, with a session of its own, that spends the primary's memory and time as far as it gets. The
 * client of the plan must not notice; nor may the primary hold more than its bounds.
 */
export class Spender {
  readonly #world: World;
  readonly #plan: SpenderPlan;
  readonly #process: ProcessClock;
  #session: Session | undefined;
  #engine: SessionEngine | undefined;
  #transport: PathTransport | undefined;

  constructor(world: World, plan: SpenderPlan) {
    this.#world = world;
    this.#plan = plan;
    this.#process = world.startProcess(HOST, 0);
    world.network.link(LINK, SHAPE);
  }

  /** Whether a server's session is with it. */
  static owns(session: Session): boolean {
    return session.getAllPaths().some(({ address }) => address.startsWith(`${HOST}:`));
  }

  start(primary: string): void {
    this.#process.schedule(this.#plan.atMs, () => {
      this.#spend(primary).catch((error: unknown) => {
        if (!(error instanceof KwikError)) throw error;
        this.#world.trace.note(`spender: ${error.code} ${error.message}`);
      });
    });
  }

  async close(): Promise<void> {
    await this.#session?.close();
    this.#process.end();
  }

  async #spend(primary: string): Promise<void> {
    const [host, port] = primary.split(':') as [string, string];
    const connect = async (target: DialTarget, { timeoutMs }: { timeoutMs: number }): Promise<PathTransport> => {
      const to = `${target.host}:${target.port}`;
      const options = { to, from: HOST, link: LINK, timeoutMs, idleTimeoutMs: IDLE_TIMEOUT_MS };
      this.#transport = await this.#world.network.dial({ ...options, ...TRANSPORT_WINDOWS });
      return this.#transport;
    };
    const connector = { connect, close: () => Promise.resolve() };
    const options = { runtime: { clock: this.#process }, timeouts: { recoveryMs: 0 } };
    const probe = (engine: SessionEngine): void => void (this.#engine = engine);
    this.#session = await dialOver(connector, { host, port: Number(port) }, options, { probe });
    void this.#session.closed.then(({ by, reason }) => this.#world.trace.note(`spender: closed by ${by}: ${reason}`));
    const stream = this.#transport?.openStream({ unidirectional: true });
    stream?.attach(NOBODY);
    if (stream !== undefined) this.#write(stream, 0);
  }

  #write(stream: TransportStream, packet: number): void {
    if (packet >= this.#plan.packets || this.#transport?.closed !== false) return;
    const random = new SeededRandom(this.#world.plan.seed).fork(`spent ${packet}`);
    const frames = Array.from({ length: FRAMES }, (_, index) =>
      frameOf(this.#plan.kind, packet * FRAMES + index, random.below(1000)),
    );
    // Its own session gets the acknowledgement, and must know of the packet.
    const sending = this.#engine!.paths.get(PRIMARY_PATH_ID)!.data;
    const packetNumber = sending.nextNumber();
    sending.sent.record(packetNumber, 0, true, { pieces: [], frames: [] }, this.#process.now());
    stream.write(encodePacket({ packetNumber, type: proto.PacketType.DATA, frames }, crc32));
    this.#process.schedule(EVERY_MS, () => this.#write(stream, packet + 1));
  }
}

function frameOf(kind: SpendKind, index: number, any: number): proto.Frame {
  const streamId = toStreamId(0n);
  switch (kind) {
    case 'holes':
      return streamFrame({ streamId, offset: BigInt(1 + 2 * index), data: Uint8Array.of(any) });
    case 'windows':
      return windowUpdateFrame({ maxOffset: BigInt(1e9 + index) });
    case 'blocked':
      return any % 2 === 0 ? blockedFrame({ limit: BigInt(any) }) : blockedFrame({ streamId, limit: BigInt(any) });
    case 'pings':
      return pingFrame({ sequence: BigInt(index) });
    case 'resets':
      return resetStreamFrame({ streamId: toStreamId(BigInt(4 * index)), code: any, finalSize: 0n });
  }
}

const NOBODY = {
  onData: () => undefined,
  onEnd: () => undefined,
  onReset: () => undefined,
  onStopSending: () => undefined,
  onWritable: () => undefined,
};
