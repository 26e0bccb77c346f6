import { KwikError, type StreamId, type PathId } from '@kwik/wire';
import type { AheadAccount } from '../costs/ahead-account.js';
import type { OffsetRange } from '../range-set.js';
import { DelegatedRanges } from './delegated-ranges.js';
import { join, keep, type OwnBytes } from './small-bytes.js';

/** A buffer that is filled to this share has a writer that fills it as fast as it empties. */
const CROWDED_SHARE = 0.5;
/** What each stream may have, though its session has twice its share: it moves on. */
const LITTLE_BYTES = 1024;

/** What one frame carries of a stream; kept until the peer has acknowledged it. */
export interface Piece {
  readonly streamId: StreamId;
  readonly offset: number;
  readonly data: Uint8Array;
  readonly fin: boolean;
  /** Sent before, on a path that died. */
  readonly again: boolean;
  acked: boolean;
  /** How often it is under way: more than once when it was reinjected. */
  copies: number;
  /** When it went out first. */
  sentAtMs?: number;
  /** Of a stream whose packets take a real stream of their own. */
  apart?: 'fast' | 'reliable';
  /** The paths, when it was reinjected. */
  holders?: PathId[] | undefined;
}

interface Queued extends OwnBytes {
  offset: number;
}

export interface SendHalfOptions {
  /** First offset that the peer has no room for. */
  readonly maxOffset: number;
  /** What `write` accepts ahead of the paths. */
  readonly bufferBytes: number;
  /** What the session may have written ahead, of all its streams. Default: as much as they take. */
  readonly ahead?: AheadAccount | undefined;
}

export type SendState = 'open' | 'closing' | 'closed' | 'reset';

/**
 * The writing side of a logical stream. Holds what was written and not yet acknowledged; gives it out in pieces as
 * paths can carry them, lowest offset first.
 */
export class SendHalf {
  readonly #streamId: StreamId;
  readonly #bufferBytes: number;
  readonly #ahead: AheadAccount | undefined;
  #queue: Queued[] = [];
  #queuedBytes = 0;
  #lost: Piece[] = [];
  #writeOffset = 0;
  #maxOffset: number;
  #finWanted = false;
  #finSent = false;
  #unackedPieces = 0;
  #unackedBytes = 0;
  #resetCode: number | undefined;
  #stopCode: number | undefined;
  #highestSent = 0;
  #blockedAt: number | undefined;
  #dropped = false;
  /** What others write; absent while nothing was skipped or granted. */
  #delegated: DelegatedRanges | undefined;

  constructor(streamId: StreamId, { maxOffset, bufferBytes, ahead }: SendHalfOptions) {
    this.#streamId = streamId;
    this.#maxOffset = maxOffset;
    this.#bufferBytes = bufferBytes;
    this.#ahead = ahead;
  }

  get state(): SendState {
    if (this.#resetCode !== undefined) return 'reset';
    if (!this.#finWanted) return 'open';
    return this.#finSent && this.#unackedPieces === 0 && this.#lost.length === 0 ? 'closed' : 'closing';
  }

  get resetCode(): number | undefined {
    return this.#resetCode;
  }

  /** Code with which the peer asked to stop, if it did. */
  get stopCode(): number | undefined {
    return this.#stopCode;
  }

  get writeOffset(): number {
    return this.#writeOffset;
  }

  get finalSize(): number {
    return this.#highestSent;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Everything that was written has been acknowledged, or given up. */
  get flushed(): boolean {
    if (this.#resetCode !== undefined) return true;
    return this.#queuedBytes === 0 && this.#unackedPieces === 0 && this.#lost.length === 0;
  }

  /** It was reset, by this end or because the peer stopped reading, before the peer's session had acknowledged it all. */
  get dropped(): boolean {
    return this.#dropped;
  }

  get bufferBytes(): number {
    return this.#bufferBytes;
  }

  /** Bytes that the buffer has room for. */
  get room(): number {
    return Math.max(0, this.#bufferBytes - this.#queuedBytes);
  }

  /**
   * Of so many bytes, those that `write` accepts now: what the buffer has room for and the session may have ahead. Each stream
   * may have a little, or those that nobody reads would hold up the others of their session; very little, where they are very many.
   */
  roomFor(bytes: number): number {
    const wanted = Math.min(bytes, this.room);
    if (this.#ahead === undefined) return wanted;
    return Math.max(this.#ahead.roomFor(wanted), Math.min(wanted, leastOf(this.#ahead) - this.#queuedBytes));
  }

  /** As much as the buffer may hold just now. */
  get #limitBytes(): number {
    if (this.#ahead === undefined || this.#queuedBytes >= this.#bufferBytes) return this.#bufferBytes;
    return Math.min(this.#bufferBytes, Math.max(leastOf(this.#ahead), this.#queuedBytes + this.#ahead.room));
  }

  /** Throws ERR_KWIK_STREAM_STOPPED or ERR_KWIK_STREAM_CLOSED when nothing can be written any more. */
  assertWritable(): void {
    if (this.#stopCode !== undefined) {
      throw new KwikError(
        'ERR_KWIK_STREAM_STOPPED',
        `the peer stopped reading stream ${this.#streamId} (code ${this.#stopCode})`,
        { applicationCode: this.#stopCode },
      );
    }
    if (this.#resetCode !== undefined || this.#finWanted) {
      throw new KwikError('ERR_KWIK_STREAM_CLOSED', `stream ${this.#streamId} is closed for writing`);
    }
  }

  /** Appends; the caller keeps to `roomFor` and does not change `data` afterwards. */
  write(data: Uint8Array): void {
    this.assertWritable();
    this.#delegated?.requireOwn(this.#writeOffset, this.#writeOffset + data.length);
    this.#push(this.#writeOffset, data);
    this.#writeOffset += data.length;
  }

  /**
   * Whether `writeAt(offset, …)` would be accepted now. What the reader needs first never waits for what it needs later:
   * bytes below all that wait are always taken, and so are those that fill gaps while the window holds everything back,
   * since the reader may be waiting for just these. Only what is ahead of everything is held to the buffer.
   */
  acceptsAt(offset: number): boolean {
    const first = this.#queue[0];
    if (first === undefined || this.#queuedBytes < this.#bufferBytes || offset < first.offset) return true;
    return offset < this.#writeOffset && first.offset >= this.#maxOffset;
  }

  /** Writes at an offset of the caller's choice (a contribution). */
  writeAt(offset: number, data: Uint8Array): void {
    this.assertWritable();
    this.#push(offset, data);
    this.#writeOffset = Math.max(this.#writeOffset, offset + data.length);
  }

  /** Leaves `bytes` offsets to content that is sent by ranges; returns the first of them. */
  reserve(bytes: number): number {
    this.#delegated?.requireOwn(this.#writeOffset, this.#writeOffset + bytes);
    return this.#leaveOut(bytes);
  }

  /** Leaves `bytes` offsets to another server, to which they may be granted; returns the first of them. */
  skip(bytes: number): number {
    const base = this.#leaveOut(bytes);
    this.#delegated ??= new DelegatedRanges();
    this.#delegated.skip(base, this.#writeOffset);
    return base;
  }

  /**
   * Others write these bytes: what was skipped, or what is still to be. Throws when some of them are this end's. Returns the
   * ranges that were nobody's before.
   */
  delegate(ranges: readonly OffsetRange[]): OffsetRange[] {
    this.assertWritable();
    this.#delegated ??= new DelegatedRanges();
    return this.#delegated.delegate(ranges, this.#writeOffset);
  }

  /** They may be written here after all. */
  takeBack(ranges: readonly OffsetRange[]): void {
    this.#delegated?.takeBack(ranges);
  }

  #leaveOut(bytes: number): number {
    this.assertWritable();
    const base = this.#writeOffset;
    this.#writeOffset += bytes;
    this.#highestSent = Math.max(this.#highestSent, this.#writeOffset);
    return base;
  }

  finish(): void {
    if (this.#resetCode !== undefined) return;
    this.#delegated?.requireEnd(this.#writeOffset);
    this.#finWanted = true;
  }

  reset(code: number): void {
    if (this.state === 'closed' || this.#resetCode !== undefined) return;
    this.#dropped = this.pendingBytes + this.#unackedBytes > 0;
    this.#resetCode = code;
    this.#queue = [];
    this.#countQueued(-this.#queuedBytes);
    this.#lost = [];
  }

  /** The peer may have the first `bytes` by another way already: an end that lies before them would contradict that. */
  assumeSent(bytes: number): void {
    this.#highestSent = Math.max(this.#highestSent, bytes);
  }

  handleStopSending(code: number): void {
    this.#stopCode ??= code;
  }

  handleMaxOffset(maxOffset: number): void {
    this.#maxOffset = Math.max(this.#maxOffset, maxOffset);
  }

  /** True when `take` would give something, credit of the session aside. */
  get sendable(): boolean {
    if (this.#resetCode !== undefined) return false;
    if (this.#lost.length > 0) return true;
    const first = this.#queue[0];
    if (first !== undefined) return first.offset < this.#maxOffset;
    return this.#finWanted && !this.#finSent;
  }

  /** Bytes of the next piece that the session's window must pay for: 0 for what only ends the stream. */
  get pendingBytes(): number {
    return this.#queuedBytes + this.#lost.reduce((sum, piece) => sum + piece.data.length, 0);
  }

  /** What waits; where the buffer is crowded, its writer has more: as much as the peer has room for. */
  get expectedBytes(): number {
    const crowded = this.#queuedBytes > 0 && this.#queuedBytes >= CROWDED_SHARE * this.#limitBytes;
    return crowded ? Math.max(this.pendingBytes, this.windowBytes) : this.pendingBytes;
  }

  /** First offset that the peer has no room for. */
  get maxOffset(): number {
    return this.#maxOffset;
  }

  /** Room in the peer's window behind what was sent, bytes. */
  get windowBytes(): number {
    return Math.max(0, this.#maxOffset - this.#highestSent);
  }

  /** The limit at which the peer's window holds this stream, once per limit. */
  takeBlocked(): number | undefined {
    const first = this.#queue[0];
    if (first === undefined || first.offset < this.#maxOffset || this.#blockedAt === this.#maxOffset) return undefined;
    this.#blockedAt = this.#maxOffset;
    return this.#maxOffset;
  }

  /** The next piece of at most `maxBytes`; an empty one only to carry the end, which is all that 0 gives. */
  take(maxBytes: number): Piece | undefined {
    if (this.#resetCode !== undefined) return undefined;
    return this.#takeLost(maxBytes) ?? this.#takeQueued(maxBytes) ?? this.#takeFin();
  }

  handleAcked(piece: Piece): void {
    if (piece.acked) return;
    piece.acked = true;
    this.#forgetUnacked(piece);
  }

  /** A path died before the piece was acknowledged: it goes out again, unless another path has it under way. */
  handleLost(piece: Piece): void {
    piece.copies--;
    if (piece.acked || piece.copies > 0 || this.#resetCode !== undefined) return;
    this.#forgetUnacked(piece);
    let index = this.#lost.length;
    while (index > 0 && this.#lost[index - 1]!.offset > piece.offset) index--;
    this.#lost.splice(index, 0, { ...piece, again: true, holders: undefined });
  }

  #countQueued(bytes: number): void {
    this.#queuedBytes += bytes;
    this.#ahead?.change(bytes);
  }

  #push(offset: number, data: Uint8Array): void {
    if (data.length === 0) return;
    this.#countQueued(data.length);
    let index = this.#queue.length;
    while (index > 0 && this.#queue[index - 1]!.offset > offset) index--;
    const before = this.#queue[index - 1];
    if (before !== undefined && before.offset + before.data.length === offset && join(before, data)) return;
    const item = { offset, ...keep(data) };
    if (index === this.#queue.length) this.#queue.push(item);
    else this.#queue.splice(index, 0, item);
  }

  #takeLost(maxBytes: number): Piece | undefined {
    const piece = this.#lost[0];
    if (piece === undefined || (maxBytes === 0 && piece.data.length > 0)) return undefined;
    if (piece.data.length <= maxBytes) {
      this.#lost.shift();
      piece.copies = 1;
      return this.#underWay(piece);
    }
    this.#lost[0] = { ...piece, offset: piece.offset + maxBytes, data: piece.data.subarray(maxBytes) };
    return this.#underWay({ ...piece, data: piece.data.subarray(0, maxBytes), fin: false, copies: 1 });
  }

  #takeQueued(maxBytes: number): Piece | undefined {
    const first = this.#queue[0];
    if (first === undefined) return undefined;
    const length = Math.min(first.data.length, maxBytes, this.#maxOffset - first.offset);
    if (length <= 0) return undefined;
    const offset = first.offset;
    const data = first.data.subarray(0, length);
    if (length === first.data.length) this.#queue.shift();
    else {
      first.offset += length;
      first.data = first.data.subarray(length);
    }
    this.#countQueued(-length);
    this.#highestSent = Math.max(this.#highestSent, offset + length);
    const fin = this.#finWanted && this.#queue.length === 0 && offset + length === this.#writeOffset;
    if (fin) this.#finSent = true;
    return this.#underWay({ streamId: this.#streamId, offset, data, fin, again: false, acked: false, copies: 1 });
  }

  #takeFin(): Piece | undefined {
    if (!this.#finWanted || this.#finSent || this.#queue.length > 0) return undefined;
    this.#finSent = true;
    const offset = this.#writeOffset;
    const streamId = this.#streamId;
    return this.#underWay({ streamId, offset, data: EMPTY, fin: true, again: false, acked: false, copies: 1 });
  }

  #underWay(piece: Piece): Piece {
    this.#unackedPieces++;
    this.#unackedBytes += piece.data.length;
    return piece;
  }

  #forgetUnacked(piece: Piece): void {
    this.#unackedPieces--;
    this.#unackedBytes -= piece.data.length;
  }
}

function leastOf({ urgentRoom }: AheadAccount): number {
  return Math.max(urgentRoom, LITTLE_BYTES);
}

const EMPTY = new Uint8Array(0);
