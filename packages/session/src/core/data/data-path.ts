import {
  AckTracker,
  InFlightWindow,
  isAvailable,
  MAX_SENT_SPAN,
  RateEstimator,
  RttEstimator,
  SentPackets,
  type PathHealth,
} from '@kwik/paths';
import {
  encodePacket,
  KwikError,
  PacketReader,
  type Crc32,
  type PacketInput,
  type PacketNumber,
  type PathId,
  type proto,
} from '@kwik/wire';
import type { Natives } from '../natives.js';
import type { Piece } from '../streams/send-half.js';
import type { StreamLane } from '../streams/stream-lane.js';
import type { PeerStreamLimits } from '../streams/stream-table.js';
import type { FrameRights, Link, SecondaryRights } from './frame-rights.js';
import { PacketCompressor } from './packet-compressor.js';
import { PathFlowControl } from './path-flow-control.js';

/** Real streams that a peer may use to carry packets; more are refused. */
const MAX_REAL_STREAMS = 64;
/** Control frames that wait for a packet; they are keyed, so an honest session stays far below it. */
const MAX_PENDING_FRAMES = 4096;

/** A control frame on its way. */
export interface ControlFrame {
  /** A newer frame of the same key takes the place of one that still waits: only the newest limit matters. */
  readonly key: string;
  readonly frame: proto.Frame;
  /** It is about the session rather than the path: it goes out on another path when this one dies before the acknowledgement. */
  readonly outlivesPath: boolean;
}

/** What a packet held that must arrive. */
export interface SentContent {
  readonly pieces: readonly Piece[];
  readonly frames: readonly ControlFrame[];
}

/** What the peer of a path announced, and what it is to the session. */
export interface PathPeer extends PeerStreamLimits, SecondaryRights {
  readonly pathWindowBytes: number;
  /** The largest datagram that it takes; default 0: it takes none. */
  readonly maxDatagramBytes?: number;
  /** At the client: it is the primary. Default: on path 0 it is. */
  readonly primary?: boolean;
  /** It is another server than the one before that had the session's other end. */
  readonly anew?: boolean;
  /** Both ends agreed on compression: this one compresses, and inflates what the peer compressed. */
  readonly compresses?: boolean;
}

/**
 * What of the session's streams a path may take: new data of all or of those in one lane, with copies of what other paths
 * have in flight; only copies; or neither.
 */
export type Carry = 'all' | 'copies' | 'nothing' | StreamLane;

/** A number of a logical stream, or what has a real stream of its own, so that nothing that bulk lost holds it up. */
export type RealStreamKey = number | 'fast' | 'reliable' | 'datagrams';

/** Numbers kept back for acknowledgements and control frames when nothing is acknowledged for long. */
const RESERVED_SPAN = 256;

/** The data plane of one path: its packet-number space, acknowledgements, windows, and the streams it reads. */
export class DataPath {
  readonly id: PathId;
  readonly sent = new SentPackets<SentContent>();
  readonly acks = new AckTracker();
  readonly rtt = new RttEstimator();
  readonly window = new InFlightWindow();
  readonly sendRate = new RateEstimator();
  readonly receiveRate = new RateEstimator();
  readonly flowControl: PathFlowControl;
  readonly #readers = new Map<number, PacketReader>();
  #pending = new Map<string, ControlFrame>();
  readonly #maxPacketBytes: number;
  readonly #crc32: Crc32;
  readonly link: Link;
  /** What the peer may send here. */
  readonly rights: FrameRights;
  /** The peer is the other end of the session's streams: the client's primary, a server's client. */
  readonly toPeer: boolean;
  /** When both ends agreed on compression. */
  readonly #compressor: PacketCompressor | undefined;
  /** As the engine says. */
  health: PathHealth = 'active';
  /** Packets with the same key take the same real stream; of the packet that was built last. */
  realStreamKey: RealStreamKey = 0;
  /** When this path last looked at what other paths have in flight. */
  lookedMs = Number.NEGATIVE_INFINITY;
  /** Payload sent here as a copy of what another path has in flight. */
  reinjectedBytes = 0;
  /** The peer broke the rules: nothing that it sends counts any more. */
  violated = false;
  #lastNumber = 0n as PacketNumber;
  sentBytes = 0;
  receivedBytes = 0;
  /** When a KWIK packet last came; the probes of idle paths are QUIC's own, and do not count. */
  lastPacketMs = Number.NEGATIVE_INFINITY;
  duplicateBytes = 0;
  /** Since when it is not known whether it is well: the peer has missed what went over another path, or this end has. */
  doubtedMs = Number.NEGATIVE_INFINITY;

  constructor(
    id: PathId,
    options: {
      windowBytes: number;
      peerWindowBytes: number;
      maxPacketBytes: number;
      link: Link;
      rights: FrameRights;
      toPeer?: boolean;
      compresses?: boolean;
      natives: Natives;
    },
  ) {
    this.id = id;
    this.link = options.link;
    this.rights = options.rights;
    this.toPeer = options.toPeer ?? true;
    this.#compressor = options.compresses === true ? new PacketCompressor(options.natives.deflate) : undefined;
    this.flowControl = new PathFlowControl(options);
    this.#maxPacketBytes = options.maxPacketBytes;
    this.#crc32 = options.natives.crc32;
  }

  /** New data may go here whatever the other paths are like. */
  get available(): boolean {
    return isAvailable(this.health);
  }

  /** It may be as silent as another path is: nothing has come over it since that was noticed. */
  get doubtful(): boolean {
    return this.lastPacketMs < this.doubtedMs;
  }

  /** It is available, and not doubtful. */
  get sure(): boolean {
    return this.available && !this.doubtful;
  }

  /** The packet as it goes on the wire, compressed where that was agreed and pays. */
  encode(packet: PacketInput, payloadBytes: number): Uint8Array {
    return encodePacket(this.#compressor?.compress(packet, payloadBytes) ?? packet, this.#crc32);
  }

  reader(realStreamId: number): PacketReader {
    const known = this.#readers.get(realStreamId);
    if (known !== undefined) return known;
    if (this.#readers.size >= MAX_REAL_STREAMS) {
      throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `the peer uses more than ${MAX_REAL_STREAMS} real streams`);
    }
    const reader = new PacketReader(this.#crc32, { maxPacketBytes: this.#maxPacketBytes });
    this.#readers.set(realStreamId, reader);
    return reader;
  }

  /** The connection of these streams is gone, in the middle of packets perhaps. */
  forgetReaders(gone: (realStreamId: number) => boolean): void {
    for (const id of this.#readers.keys()) if (gone(id)) this.#readers.delete(id);
  }

  /** The peer ended a real stream; half a packet must not remain. */
  endReader(realStreamId: number): void {
    const reader = this.#readers.get(realStreamId);
    this.#readers.delete(realStreamId);
    if (reader !== undefined && reader.bufferedBytes > 0) {
      throw new KwikError('ERR_KWIK_INVALID_PACKET', 'a real stream ended inside a packet');
    }
  }

  /** Queues a control frame; one of the same key that still waits is replaced. */
  queueFrame(key: string, frame: proto.Frame, outlivesPath = false): void {
    if (this.#pending.size >= MAX_PENDING_FRAMES && !this.#pending.has(key)) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', 'too many control frames wait for a path', { scope: 'path' });
    }
    this.#pending.set(key, { key, frame, outlivesPath });
  }

  /** What a compressed packet of the peer may hold: no more than an honest one, which was packed first; 0 for none. */
  get maxInflatedBytes(): number {
    return this.#compressor === undefined ? 0 : this.#maxPacketBytes;
  }

  get pendingFrameCount(): number {
    return this.#pending.size;
  }

  /** Whether a control frame of this key waits. */
  hasPending(key: string): boolean {
    return this.#pending.has(key);
  }

  get hasPendingFrames(): boolean {
    return this.#pending.size > 0;
  }

  /** Waiting control frames, at most `count` and about `maxBytes` (at least one), oldest first. */
  takeFrames(count: number, maxBytes: number): ControlFrame[] {
    const frames: ControlFrame[] = [];
    let bytes = 0;
    for (const [key, control] of this.#pending) {
      bytes += frameBytes(control.frame);
      if (frames.length >= count || (bytes > maxBytes && frames.length > 0)) break;
      frames.push(control);
      this.#pending.delete(key);
    }
    // A new one: a Map that is emptied again and again leaves a trail of tables, which V8 follows for long.
    if (this.#pending.size === 0 && frames.length > 0) this.#pending = new Map();
    return frames;
  }

  /** Whether packets with data still have numbers; a few are left for what keeps the path going. */
  get hasNumbersForData(): boolean {
    const oldest = this.sent.oldest();
    return oldest === undefined || Number(this.#lastNumber - oldest.pn) < MAX_SENT_SPAN - RESERVED_SPAN;
  }

  nextNumber(): PacketNumber {
    this.#lastNumber = this.sent.nextNumber();
    return this.#lastNumber;
  }

  /** The path is gone: its pieces without an acknowledgement, and those of its frames that outlive it. */
  takeUndelivered(): SentContent {
    const pieces: Piece[] = [];
    const frames: ControlFrame[] = [];
    for (const content of this.sent.takeAll()) {
      pieces.push(...content.pieces);
      frames.push(...content.frames);
    }
    frames.push(...this.#pending.values());
    this.#pending.clear();
    return { pieces, frames: frames.filter((control) => control.outlivesPath) };
  }
}

/** About what a control frame takes in a packet. */
export function frameBytes(frame: proto.Frame): number {
  return CONTROL_FRAME_BYTES + (frame.body?.$case === 'raw' ? frame.body.value.data.length : 0);
}

/** Tags, lengths, two 62-bit numbers and a code, at the most. */
const CONTROL_FRAME_BYTES = 40;
