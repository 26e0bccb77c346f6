import { KwikError, type StreamId } from '@kwik/wire';
import type { MemoryAccount } from '../costs/memory-ledger.js';
import { firstWindowBytes, type WindowBudget } from './window-budget.js';
import { Reassembler, type InsertResult, type ReadChunk } from './reassembler.js';

/** A window update is due when this share of the window was read since the last one (quinn and quic-go use the like). */
const UPDATE_SHARE = 0.25;

export type ReceiveState = 'open' | 'finished' | 'reset' | 'stopped';

/** The reading side of a logical stream: order, final size, flow control. */
export class ReceiveHalf {
  readonly #streamId: StreamId;
  readonly #windowBytes: number;
  readonly #data: Reassembler;
  #advertised: number;
  #finalSize: number | undefined;
  /** Offset behind the last byte that came, gaps or not. */
  #highest = 0;
  #resetCode: number | undefined;
  #stopCode: number | undefined;
  #abandoned = false;
  /** Paths whose peers write into this stream under its window. */
  readonly writers = new Set<number>();
  /** What its writers know of its window without being told. */
  readonly firstWindowBytes: number;
  readonly #budget: WindowBudget | undefined;
  /** How far the window goes beyond the first, of the budget. */
  #grown = 0;

  /** With a budget the window grows up to `windowBytes` as it is read. */
  constructor(streamId: StreamId, windowBytes: number, account?: MemoryAccount, budget?: WindowBudget) {
    this.#streamId = streamId;
    this.#windowBytes = windowBytes;
    this.#data = new Reassembler(0, account);
    this.#budget = budget;
    this.firstWindowBytes = budget === undefined ? windowBytes : firstWindowBytes(windowBytes);
    this.#advertised = this.firstWindowBytes;
  }

  get state(): ReceiveState {
    // Who stopped reading is not told of the reset that answers it.
    if (this.#stopCode !== undefined) return 'stopped';
    if (this.#abandoned) return 'open';
    if (this.#resetCode !== undefined) return 'reset';
    return this.#finalSize !== undefined && this.#data.readOffset === this.#finalSize ? 'finished' : 'open';
  }

  get resetCode(): number | undefined {
    return this.#resetCode;
  }

  /** Code with which this end stopped reading, if it did. */
  get stopCode(): number | undefined {
    return this.#stopCode;
  }

  /** True when nothing more can come that matters. */
  get done(): boolean {
    if (this.#resetCode !== undefined) return true;
    return this.#finalSize !== undefined && (this.#stopCode !== undefined || this.#data.readOffset === this.#finalSize);
  }

  /** Offset behind the last byte of the stream, when that is known. */
  get finalSize(): number | undefined {
    return this.#finalSize;
  }

  get readable(): boolean {
    return this.#data.readableBytes > 0 || this.state !== 'open';
  }

  get readOffset(): number {
    return this.#data.readOffset;
  }

  get readyEnd(): number {
    return this.#data.readyEnd;
  }

  get bufferedBytes(): number {
    return this.#data.bufferedBytes;
  }

  /** First offset that may not be sent. */
  get maxOffset(): number {
    return this.#advertised;
  }

  /** The largest that the window becomes. */
  get windowBytes(): number {
    return this.#windowBytes;
  }

  /** Bytes under the stream's window, from the path `origin`. */
  handleData(offset: number, data: Uint8Array, fin: boolean, origin: number): InsertResult {
    const end = offset + data.length;
    // An end without bytes needs no credit: skipped offsets and content, whose credit is its own, lie before it.
    if (end > this.#advertised && data.length > 0) {
      throw new KwikError(
        'ERR_KWIK_FLOW_CONTROL',
        `stream ${this.#streamId}: data up to offset ${end}, allowed are ${this.#advertised}`,
      );
    }
    // What other paths still bring after the primary's reset is late, not wrong.
    if (this.#resetCode !== undefined) return { fresh: 0, duplicate: data.length };
    this.#checkFinalSize(end, fin);
    if (this.#stopCode !== undefined) return { fresh: 0, duplicate: data.length };
    return this.#data.insert(offset, data, origin);
  }

  /** What came before the session was, by no path of it. Throws as `handleData`. */
  handleEarly(data: Uint8Array, fin: boolean): void {
    this.handleData(0, data, fin, CONTENT_ORIGIN);
  }

  /** Verified content: its credit was the range request, so the window is not asked. */
  insertVerified(offset: number, data: Uint8Array, end = false): InsertResult | undefined {
    if (this.#stopCode !== undefined || this.#resetCode !== undefined) return undefined;
    this.#checkFinalSize(offset + data.length, end);
    return this.#data.insert(offset, data, CONTENT_ORIGIN);
  }

  /**
   * The stream is given up. Its size may lie below what contributions brought: whoever resets does not know of them.
   * Returns the buffered bytes per path, whose credit goes back.
   */
  handleReset(code: number, finalSize: number): Map<number, number> {
    if (this.#finalSize !== undefined && finalSize !== this.#finalSize) throw this.#endMismatch(finalSize);
    if (this.state === 'finished') return new Map();
    this.#resetCode ??= code;
    this.#settleBudget();
    return this.#data.clear();
  }

  /** The reader wants no more; returns the buffered bytes per path, whose credit goes back. */
  stop(code = 0): Map<number, number> {
    this.#stopCode ??= code;
    this.#settleBudget();
    return this.#data.clear();
  }

  /** Lets go of what nobody read yet. The session has failed: its reader is told that, and not that the stream ended. */
  abandon(): void {
    if (this.state === 'finished') return;
    this.#abandoned = true;
    this.#data.clear();
  }

  /** See Reassembler. */
  countWaste(byOrigin: Map<number, number>): void {
    this.#data.countWaste(byOrigin);
  }

  /** See Reassembler. The stream has a hole from then on that nobody fills. */
  dropGapped(origin: number): boolean {
    return this.#data.dropGapped(origin);
  }

  read(maxBytes?: number): ReadChunk | undefined {
    return this.#data.read(maxBytes);
  }

  /** The new limit to announce, when it is worth a frame; `force` answers a peer that says that it is blocked. */
  takeWindowUpdate(force = false): number | undefined {
    this.#settleBudget();
    if (this.#stopCode !== undefined || this.#resetCode !== undefined) return undefined;
    // The end may be known long before it may be sent: the primary ends what secondaries still contribute to.
    if (this.#finalSize !== undefined && this.#advertised >= this.#finalSize) return undefined;
    const windowBytes = this.#nextWindowBytes();
    const limit = this.#data.readOffset + windowBytes;
    if (!force && limit - this.#advertised < windowBytes * UPDATE_SHARE) return undefined;
    this.#advertised = Math.max(this.#advertised, limit);
    this.#settleBudget();
    return this.#advertised;
  }

  /** Twice the window for each window that was read, as far as the budget goes. */
  #nextWindowBytes(): number {
    const first = this.firstWindowBytes;
    if (this.#budget === undefined) return first;
    const wanted = Math.min(this.#windowBytes - first, this.#data.readOffset);
    return first + this.#budget.share(this.#grown, wanted);
  }

  /** What of the budget the peer may still make use of. */
  #settleBudget(): void {
    const over = this.#stopCode !== undefined || this.#resetCode !== undefined;
    const end = Math.min(this.#advertised, this.#finalSize ?? this.#advertised);
    const grown = over ? 0 : Math.max(0, end - this.#data.readOffset - this.firstWindowBytes);
    if (grown === this.#grown) return;
    this.#budget?.change(this.#grown, grown);
    this.#grown = grown;
  }

  #checkFinalSize(end: number, final: boolean): void {
    if (this.#finalSize !== undefined && (final ? end !== this.#finalSize : end > this.#finalSize)) {
      throw this.#endMismatch(end);
    }
    if (final && end < this.#highest) {
      throw new KwikError(
        'ERR_KWIK_OFFSET_MISMATCH',
        `stream ${this.#streamId}: final size ${end} is below data that came already, up to ${this.#highest}`,
      );
    }
    if (final) this.#finalSize = end;
    this.#highest = Math.max(this.#highest, end);
  }

  #endMismatch(end: number): KwikError {
    return new KwikError(
      'ERR_KWIK_OFFSET_MISMATCH',
      `stream ${this.#streamId} ended at ${this.#finalSize}, and now an end at ${end} is claimed`,
    );
  }
}

/** Origin of bytes that no path's session window pays for. */
export const CONTENT_ORIGIN = -1;
