import { KwikError, type StreamId } from '@kwik/wire';
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
  #resetCode: number | undefined;
  #stopped = false;
  /** Paths whose peers write into this stream under its window. */
  readonly writers = new Set<number>();

  constructor(streamId: StreamId, windowBytes: number) {
    this.#streamId = streamId;
    this.#windowBytes = windowBytes;
    this.#data = new Reassembler();
    this.#advertised = windowBytes;
  }

  get state(): ReceiveState {
    if (this.#resetCode !== undefined) return 'reset';
    if (this.#stopped) return 'stopped';
    return this.#finalSize !== undefined && this.#data.readOffset === this.#finalSize ? 'finished' : 'open';
  }

  get resetCode(): number | undefined {
    return this.#resetCode;
  }

  /** True when nothing more can come that matters. */
  get done(): boolean {
    if (this.#resetCode !== undefined) return true;
    return this.#finalSize !== undefined && (this.#stopped || this.#data.readOffset === this.#finalSize);
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

  get windowBytes(): number {
    return this.#windowBytes;
  }

  /** Bytes under the stream's window, from the path `origin`. */
  handleData(offset: number, data: Uint8Array, fin: boolean, origin: number): InsertResult {
    const end = offset + data.length;
    if (end > this.#advertised) {
      throw new KwikError(
        'ERR_KWIK_FLOW_CONTROL',
        `stream ${this.#streamId}: data up to offset ${end}, allowed are ${this.#advertised}`,
      );
    }
    this.#checkFinalSize(end, fin);
    if (this.#stopped || this.#resetCode !== undefined) return { fresh: 0, duplicate: data.length };
    return this.#data.insert(offset, data, origin);
  }

  /** Verified content: its credit was the range request, so the window is not asked. */
  insertVerified(offset: number, data: Uint8Array): void {
    this.#checkFinalSize(offset + data.length, false);
    if (this.#stopped || this.#resetCode !== undefined) return;
    this.#data.insert(offset, data, CONTENT_ORIGIN);
  }

  handleReset(code: number, finalSize: number): Map<number, number> {
    const finished = this.state === 'finished';
    this.#checkFinalSize(finalSize, true);
    if (finished) return new Map();
    this.#resetCode ??= code;
    return this.#data.clear();
  }

  /** The reader wants no more; returns the buffered bytes per path, whose credit goes back. */
  stop(): Map<number, number> {
    this.#stopped = true;
    return this.#data.clear();
  }

  read(maxBytes?: number): ReadChunk | undefined {
    return this.#data.read(maxBytes);
  }

  /** The new limit to announce, when it is worth a frame; `force` answers a peer that says that it is blocked. */
  takeWindowUpdate(force = false): number | undefined {
    if (this.#finalSize !== undefined || this.#stopped || this.#resetCode !== undefined) return undefined;
    const limit = this.#data.readOffset + this.#windowBytes;
    if (!force && limit - this.#advertised < this.#windowBytes * UPDATE_SHARE) return undefined;
    this.#advertised = Math.max(this.#advertised, limit);
    return this.#advertised;
  }

  #checkFinalSize(end: number, final: boolean): void {
    if (this.#finalSize !== undefined && (final ? end !== this.#finalSize : end > this.#finalSize)) {
      throw new KwikError(
        'ERR_KWIK_OFFSET_MISMATCH',
        `stream ${this.#streamId} ended at ${this.#finalSize}, and now an end at ${end} is claimed`,
      );
    }
    if (!final) return;
    if (end < this.#data.readyEnd) {
      throw new KwikError(
        'ERR_KWIK_OFFSET_MISMATCH',
        `stream ${this.#streamId}: final size ${end} is below data that came already`,
      );
    }
    this.#finalSize = end;
  }
}

/** Origin of bytes that no path's session window pays for. */
export const CONTENT_ORIGIN = -1;
