import type { BackendConnection, StreamReadResult } from '../backends/backend.js';
import type { ReceiveSlab } from './receive-slab.js';
import type { QuicStream } from './stream.js';

const MAX_PIECE_BYTES = 128 * 1024;
const MIN_PIECE_BYTES = 2 * 1024;
/** What a piece costs besides its bytes, in bytes: time is looked at after as much as a short piece, not after each word. */
const PIECE_COST_BYTES = 32;

/** What the receiver needs of its connection. */
export interface ReceiverOwner {
  /** The stream of this id, made and announced when it is new; undefined when nobody wants it. */
  streamFor(id: number): QuicStream | undefined;
  /** A handler closed the connection: it hears of nothing more. */
  closed(): boolean;
  /** The reading side ended. */
  receiveDone(stream: QuicStream): void;
}

/** Moves received data from the backend to the handlers of its streams. */
export class Receiver {
  /** Stream bytes that were handed over. */
  deliveredBytes = 0;
  private latest: QuicStream | undefined;
  private isTimeUp: () => boolean = () => false;
  /** Time was up before all was delivered. */
  private cut = false;
  /** The stream whose turn it was then. */
  private cutAt: number | undefined;
  /** Read since time was looked at. */
  private unchecked = 0;
  /** As much is read at a time: less of what takes its user long. */
  private pieceBytes = MAX_PIECE_BYTES;
  private readonly result: StreamReadResult = { bytes: -1, fin: false, resetCode: -1 };

  constructor(
    private readonly backend: Pick<BackendConnection, 'isReadable' | 'readableStreams' | 'streamReceive'>,
    private readonly slab: ReceiveSlab,
    private readonly owner: ReceiverOwner,
  ) {}

  /** Delivers what can be read of streams that are not paused, until time is up. False: there may be more. */
  deliver(isTimeUp: () => boolean): boolean {
    if (!this.backend.isReadable()) return true;
    this.isTimeUp = isTimeUp;
    // The last time there was enough of it.
    if (!this.cut && this.pieceBytes < MAX_PIECE_BYTES) this.pieceBytes *= 2;
    this.cut = false;
    this.unchecked = 0;
    this.deliverAll();
    return !this.cut;
  }

  private deliverAll(): void {
    const behind = this.cutAt;
    this.cutAt = undefined;
    // Bulk data comes on one stream; asking it first saves the list of all that are readable. But not one that took all the
    // time before: others come first then.
    if (behind === undefined && this.latest?.receiveSide === 'open' && !this.latest.paused) {
      this.read(this.latest);
      if (this.cut || !this.backend.isReadable()) return;
    }
    for (const id of beginningBehind(this.backend.readableStreams(), behind)) {
      if (this.owner.closed() || this.cut) return;
      const stream = this.owner.streamFor(id);
      if (stream === undefined) continue;
      this.latest = stream;
      this.read(stream);
    }
  }

  private read(stream: QuicStream): void {
    // Handlers may pause, stop or close the stream at each chunk.
    while (stream.receiveSide === 'open' && !stream.paused && stream.handler !== undefined && !this.owner.closed()) {
      this.backend.streamReceive(stream.id, this.space(), this.result);
      const { bytes, fin, resetCode } = this.result;
      if (resetCode >= 0) {
        this.finish(stream);
        stream.handler.onReset(resetCode);
        return;
      }
      if (bytes < 0 || (bytes === 0 && !fin)) return;
      if (fin) this.finish(stream);
      if (bytes > 0) {
        this.deliveredBytes += bytes;
        stream.receivedBytes += bytes;
        stream.handler.onData(this.slab.take(bytes));
      }
      if (fin && !this.owner.closed()) stream.handler.onEnd();
      if (this.checkTime(bytes)) {
        this.cutAt = stream.id;
        return;
      }
    }
  }

  private space(): Uint8Array {
    const space = this.slab.space();
    return space.length <= this.pieceBytes ? space : space.subarray(0, this.pieceBytes);
  }

  /**
   * Where time was not enough, pieces are shorter from then on. What is little is read whole, however late it is: the end of a
   * session, and what was said right before it on other streams.
   */
  private checkTime(bytes: number): boolean {
    this.unchecked += bytes + PIECE_COST_BYTES;
    if (this.unchecked < MIN_PIECE_BYTES) return false;
    this.unchecked = 0;
    this.cut = this.isTimeUp();
    if (this.cut) this.pieceBytes = Math.max(MIN_PIECE_BYTES, Math.min(this.pieceBytes, bytes) / 2);
    return this.cut;
  }

  private finish(stream: QuicStream): void {
    stream.receiveSide = 'done';
    this.owner.receiveDone(stream);
  }
}

function beginningBehind(ids: Iterable<number>, behind: number | undefined): Iterable<number> {
  if (behind === undefined) return ids;
  const all = [...ids];
  const index = all.indexOf(behind);
  return [...all.slice(index + 1), ...all.slice(0, index + 1)];
}
