import { AckTracker, InFlightWindow, RateEstimator, RttEstimator, SentPackets } from '@kwik/paths';
import { KwikError, PacketReader, type PathId, type proto } from '@kwik/wire';
import type { Piece } from '../streams/send-half.js';
import { SessionWindow } from './session-window.js';

/** Real streams that a peer may use to carry packets; more are refused. */
export const MAX_REAL_STREAMS = 64;
/** Control frames that wait for a packet; they are keyed, so an honest session stays far below it. */
const MAX_PENDING_FRAMES = 4096;

/** The data plane of one path: its packet-number space, acknowledgements, windows, and the streams it reads. */
export class DataPath {
  readonly id: PathId;
  readonly sent = new SentPackets<readonly Piece[]>();
  readonly acks = new AckTracker();
  readonly rtt = new RttEstimator();
  readonly window = new InFlightWindow();
  readonly sendRate = new RateEstimator();
  readonly receiveRate = new RateEstimator();
  readonly session: SessionWindow;
  readonly #readers = new Map<number, PacketReader>();
  readonly #pending = new Map<string, proto.Frame>();
  readonly #maxPacketBytes: number;
  sentBytes = 0;
  receivedBytes = 0;
  duplicateBytes = 0;

  constructor(id: PathId, options: { windowBytes: number; peerWindowBytes: number; maxPacketBytes: number }) {
    this.id = id;
    this.session = new SessionWindow(options);
    this.#maxPacketBytes = options.maxPacketBytes;
  }

  reader(realStreamId: number): PacketReader {
    const known = this.#readers.get(realStreamId);
    if (known !== undefined) return known;
    if (this.#readers.size >= MAX_REAL_STREAMS) {
      throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `the peer uses more than ${MAX_REAL_STREAMS} real streams`);
    }
    const reader = new PacketReader({ maxPacketBytes: this.#maxPacketBytes });
    this.#readers.set(realStreamId, reader);
    return reader;
  }

  /** The peer ended a real stream; half a packet must not remain. */
  endReader(realStreamId: number): void {
    const reader = this.#readers.get(realStreamId);
    this.#readers.delete(realStreamId);
    if (reader !== undefined && reader.bufferedBytes > 0) {
      throw new KwikError('ERR_KWIK_INVALID_PACKET', 'a real stream ended inside a packet');
    }
  }

  /** Queues a control frame; one of the same key that still waits is replaced (only the newest limit matters). */
  queueFrame(key: string, frame: proto.Frame): void {
    if (this.#pending.size >= MAX_PENDING_FRAMES && !this.#pending.has(key)) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', 'too many control frames wait for a path', { scope: 'path' });
    }
    this.#pending.set(key, frame);
  }

  get hasPendingFrames(): boolean {
    return this.#pending.size > 0;
  }

  /** Waiting control frames, at most `count`, oldest first. */
  takeFrames(count: number): proto.Frame[] {
    const frames: proto.Frame[] = [];
    for (const [key, frame] of this.#pending) {
      if (frames.length >= count) break;
      frames.push(frame);
      this.#pending.delete(key);
    }
    return frames;
  }
}
