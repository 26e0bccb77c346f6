import { crc32 } from 'node:zlib';
import { SeededRandom, type RandomSource } from '@kwik/testbed';
import {
  ackFrame,
  encodeKcpMessage,
  encodePacket,
  maxStreamsFrame,
  proto,
  rawFrame,
  resetStreamFrame,
  stopSendingFrame,
  streamFrame,
  toPathId,
  toStreamId,
  windowUpdateFrame,
  type PathTransport,
  type PathTransportHandler,
  type TransportStream,
} from '@kwik/wire';
import type { EvilKind } from '../plan/plan.js';
import { pick } from '../plan/draws.js';
import type { SimulatedServer } from './server.js';
import type { World } from './world.js';

const MANY_STREAMS = 90;
const MANY_RAWS = 300;
const MANY_TRESPASSES = 5;
/** Among what readers still wait for. */
const MAX_TRESPASS_OFFSET = 20_000;
/** No stream of a plan has a higher number. */
const STREAM_IDS = 60;

/**
 * A secondary that behaves, but for what the plan says: beside its session it writes to the same connection what it may
 * not. Gives the connection as the session shall use it.
 */
export function corruptTransport(world: World, server: SimulatedServer, transport: PathTransport): PathTransport {
  if (server.plan.evil.length === 0) return transport;
  const random = new SeededRandom(world.plan.seed).fork(`evil ${server.plan.index}`);
  let control: TransportStream | undefined;
  for (const { atMs, kind } of server.plan.evil) {
    const inMs = Math.max(0, atMs - world.clock.now());
    server.process.schedule(inMs, () => {
      if (transport.closed) return;
      world.trace.note(`server ${server.plan.index} does evil: ${kind}`);
      new EvilDeed(world, transport, control, random).do(kind);
    });
  }
  const attach = (handler: PathTransportHandler): void => {
    transport.attach({
      onStream: (stream) => {
        if (!stream.unidirectional) control ??= stream;
        handler.onStream(stream);
      },
      onSendable: () => handler.onSendable(),
      onClose: (info) => handler.onClose(info),
    });
  };
  return new Proxy(transport, {
    get: (target, name) => {
      if (name === 'attach') return attach;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

class EvilDeed {
  readonly #world: World;
  readonly #transport: PathTransport;
  readonly #control: TransportStream | undefined;
  readonly #random: RandomSource;

  constructor(world: World, transport: PathTransport, control: TransportStream | undefined, random: RandomSource) {
    this.#world = world;
    this.#transport = transport;
    this.#control = control;
    this.#random = random;
  }

  do(kind: EvilKind): void {
    const random = this.#random;
    switch (kind) {
      case 'garbage-data':
        return this.#write(random.bytes(1 + random.below(3000)));
      case 'garbage-control':
        return this.#writeControl(random.bytes(1 + random.below(300)));
      case 'half-packet':
        return this.#write(this.#packet([this.#streamFrame(0)]).subarray(0, 20), true);
      case 'huge-length':
        return this.#write(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x7f));
      case 'many-streams':
        for (let i = 0; i < MANY_STREAMS; i++) this.#write(Uint8Array.of(50));
        return;
      case 'bidi-stream':
        return this.#write(Uint8Array.of(1), false, false);
      case 'end-control':
        return random.chance(0.5) ? this.#control?.end() : this.#control?.reset(1);
      case 'command':
        return this.#writeControl(encodeKcpMessage({ header: HEADER, body: this.#command() }));
      case 'raw-flood':
        for (let i = 0; i < MANY_RAWS; i++) {
          this.#write(this.#packet([rawFrame({ data: random.bytes(random.below(100)), sequence: BigInt(i) })]));
        }
        return;
      case 'trespass':
        for (let i = 0; i < MANY_TRESPASSES; i++) this.#write(this.#packet([this.#trespass()]));
        return;
      default:
        return this.#write(this.#packet([this.#frame(kind)]));
    }
  }

  #frame(kind: EvilKind): proto.Frame {
    const random = this.#random;
    const streamId = this.#streamId();
    switch (kind) {
      case 'range-frame':
        return this.#streamFrame(proto.FrameFlag.RANGE);
      case 'reset-frame':
        return resetStreamFrame({ streamId, code: 99, finalSize: BigInt(random.below(1000)) });
      case 'stop-frame':
        return stopSendingFrame({ streamId, code: 99 });
      case 'max-streams-frame':
        return maxStreamsFrame({ unidirectional: random.chance(0.5), maxStreams: 1n << 50n });
      case 'window-frame':
        return windowUpdateFrame({ streamId, maxOffset: 1n << 50n });
      case 'ack-unsent':
        return ackFrame({
          pathId: toPathId(random.below(4)),
          ackDelayUs: 0,
          ranges: [{ first: 0n, last: BigInt(random.below(1e9)) }],
        });
      default:
        return this.#streamFrame(0);
    }
  }

  #command(): proto.KcpMessage['body'] {
    const random = this.#random;
    const streamId = this.#streamId();
    const error = { code: 5, scope: 0 as const, reason: 'evil', retryAfterMs: 0 };
    const commands: readonly proto.KcpMessage['body'][] = [
      { $case: 'close', value: { code: 7, reason: 'evil', error: false } },
      { $case: 'removePath', value: { pathId: 0, reason: 'evil', drainMs: 0, retryAfterMs: 0 } },
      { $case: 'contentEnd', value: { streamId, complete: false, error } },
      { $case: 'rangeRefused', value: { streamId, requestIds: [0n, 1n, 5n], error } },
      {
        $case: 'contributionGrant',
        value: { streamId, pathId: random.below(4), ranges: [{ offset: 0n, length: 1n << 40n }] },
      },
      {
        $case: 'streamOpened',
        value: {
          ...{ streamId, priority: 0, unidirectional: false, metadata: new Map<string, string>() },
          ...{ opening: streamId % 6n, intent: undefined },
        },
      },
      { $case: 'contentDigests', value: { streamId, firstBlock: 0n, digests: random.bytes(32) } },
      { $case: 'rawPacket', value: { pathId: random.below(3), data: random.bytes(20), sequence: 1n } },
      { $case: 'ping', value: { sequence: 1n, padding: new Uint8Array(0) } },
      { $case: 'listPaths', value: { includeDead: false } },
    ];
    return pick(random, commands);
  }

  #streamFrame(flags: number): proto.Frame {
    const random = this.#random;
    return streamFrame({
      streamId: this.#streamId(),
      offset: BigInt(random.chance(0.1) ? 2 ** 50 : random.below(300_000)),
      data: random.bytes(random.below(1000)),
      fin: random.chance(0.3),
      range: flags === proto.FrameFlag.RANGE,
    });
  }

  /** Bytes of its own for a stream that is being read, where somebody else writes. */
  #trespass(): proto.Frame {
    const random = this.#random;
    const { streamIds } = this.#world;
    const streamId = streamIds.length === 0 ? this.#streamId() : toStreamId(pick(random, streamIds));
    const offset = BigInt(random.below(MAX_TRESPASS_OFFSET));
    return streamFrame({ streamId, offset, data: random.bytes(1 + random.below(1000)) });
  }

  #streamId() {
    return toStreamId(BigInt(this.#random.below(STREAM_IDS)));
  }

  #packet(frames: proto.Frame[]): Uint8Array {
    return encodePacket(
      { packetNumber: BigInt(1e6 + this.#random.below(1e6)), type: proto.PacketType.DATA, frames },
      crc32,
    );
  }

  #write(bytes: Uint8Array, end = false, unidirectional = true): void {
    const stream = this.#transport.openStream({ unidirectional });
    if (stream === undefined) return;
    stream.attach(NOBODY);
    stream.write(bytes);
    if (end) stream.end();
  }

  #writeControl(bytes: Uint8Array): void {
    try {
      this.#control?.write(bytes);
    } catch {
      // It ended the stream itself, before.
    }
  }
}

const HEADER: proto.MessageHeader = {
  id: 1_000_000n,
  inReplyTo: 0n,
  sessionId: new Uint8Array(0),
  priority: proto.Priority.UNSPECIFIED,
  ttlMs: 0,
  timeMs: 0n,
};

const NOBODY = {
  onData: () => undefined,
  onEnd: () => undefined,
  onReset: () => undefined,
  onStopSending: () => undefined,
  onWritable: () => undefined,
};
