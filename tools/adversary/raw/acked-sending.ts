import { setTimeout as wait } from 'node:timers/promises';
import { streamFrame } from './frames.js';

const PIECE_BYTES = 1150;
const WINDOW_PACKETS = 200;
/** A packet this far behind the largest acknowledged one is lost. */
const REORDERING = 40n;
const AGAIN_AFTER_MS = 100;
const AGAIN_AT_ONCE = 64;
const AGAIN_BY_TIMER = 32;
/** What the server's flow control allows at first, until it says more. */
const INITIAL_WINDOW_BYTES = 32 << 20;
const MAX_WAIT_MS = 8000;

/** Streams of a raw client whose bytes arrive: sent again when lost, within the peer's flow control. */
export class AckedSending {
  readonly #send: (frames: Buffer) => bigint;
  readonly #unacknowledged = new Map<bigint, Buffer>();
  readonly #offsets = new Map<bigint, number>();
  readonly maxStreamData = new Map<bigint, number>();
  #written = 0;
  #countBefore = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  maxData = INITIAL_WINDOW_BYTES;

  constructor(send: (frames: Buffer) => bigint) {
    this.#send = send;
  }

  /** Writes on in a stream, in order. Returns when the server's flow control took it, or after 8 s without room. */
  async write(id: bigint, data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length; at += PIECE_BYTES) {
      const piece = data.subarray(at, at + PIECE_BYTES);
      const offset = this.#offsets.get(id) ?? 0;
      const deadline = performance.now() + MAX_WAIT_MS;
      while (
        !this.#stopped &&
        !this.#hasRoom(id, offset + piece.length, piece.length) &&
        performance.now() < deadline
      ) {
        await wait(1);
      }
      if (this.#stopped) return;
      this.#sendAcked(streamFrame(id, offset, piece));
      this.#offsets.set(id, offset + piece.length);
      this.#written += piece.length;
    }
  }

  handleAck(ranges: readonly (readonly [bigint, bigint])[]): void {
    const largest = ranges[0]?.[1] ?? 0n;
    for (const [number, frames] of this.#unacknowledged) {
      if (ranges.some(([lowest, highest]) => number >= lowest && number <= highest)) {
        this.#unacknowledged.delete(number);
      } else if (number < largest - REORDERING) {
        this.#again(number, frames);
      }
    }
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  #hasRoom(id: bigint, end: number, bytes: number): boolean {
    const streamLimit = this.maxStreamData.get(id) ?? INITIAL_WINDOW_BYTES;
    return end <= streamLimit && this.#written + bytes <= this.maxData && this.#unacknowledged.size < WINDOW_PACKETS;
  }

  #sendAcked(frames: Buffer): void {
    this.#unacknowledged.set(this.#send(frames), frames);
    this.#timer ??= setInterval(() => this.#handleTimer(), AGAIN_AFTER_MS);
  }

  #again(number: bigint, frames: Buffer): void {
    this.#unacknowledged.delete(number);
    if (this.#unacknowledged.size < AGAIN_AT_ONCE + WINDOW_PACKETS) this.#sendAcked(frames);
  }

  /** What waits as before is sent again: its acknowledgement, or it itself, was lost. */
  #handleTimer(): void {
    const waiting = [...this.#unacknowledged].slice(0, AGAIN_BY_TIMER);
    if (this.#countBefore === this.#unacknowledged.size) {
      for (const [number, frames] of waiting) this.#again(number, frames);
    }
    this.#countBefore = this.#unacknowledged.size;
  }
}
