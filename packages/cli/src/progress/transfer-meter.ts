import { RateWindow } from './rate-window.js';

/** What is known of a transfer as a whole. */
export interface TransferState {
  /** Content bytes that came in this run. */
  readonly receivedBytes: number;
  /** Received now or there from an earlier run. */
  readonly doneBytes: number;
  /** Of the files that are known so far. */
  readonly totalBytes: number;
  /** Bytes per second over the last second. */
  readonly rate: number;
  readonly elapsedMs: number;
  /** From the first piece of content to the last: the time without the way there. */
  readonly contentMs: number;
  /** Undefined while there is nothing to go by. */
  readonly remainingMs?: number;
  /** The longest wait between two pieces of content. */
  readonly maxGapMs: number;
}

interface Item {
  size: number;
  done: number;
}

/** Counts content as it reaches the reader, and the longest wait for more of it. Takes `now`; holds no clock. */
export class TransferMeter {
  readonly #startedMs: number;
  readonly #window = new RateWindow();
  readonly #items = new Map<object, Item>();
  #received = 0;
  #done = 0;
  #total = 0;
  #firstArrivalMs: number | undefined;
  #lastArrivalMs: number | undefined;
  #maxGapMs = 0;

  constructor(now: number) {
    this.#startedMs = now;
  }

  /** The file `item` has `size` bytes, of which `done` are there. A second call for the same file replaces the first. */
  begin(item: object, size: number, done: number): void {
    const before = this.#items.get(item) ?? { size: 0, done: 0 };
    this.#total += size - before.size;
    this.#done += done - before.done;
    this.#items.set(item, { size, done });
  }

  /** Content of `item` reached the reader. The time since the content before it, of any file, is a gap. */
  arrived(item: object, bytes: number, now: number): void {
    if (this.#lastArrivalMs !== undefined) this.#maxGapMs = Math.max(this.#maxGapMs, now - this.#lastArrivalMs);
    this.#firstArrivalMs ??= now;
    this.#lastArrivalMs = now;
    this.#received += bytes;
    this.#done += bytes;
    const entry = this.#items.get(item);
    if (entry !== undefined) entry.done += bytes;
  }

  state(now: number): TransferState {
    this.#window.add(this.#received, now);
    const rate = this.#window.rate();
    const left = Math.max(0, this.#total - this.#done);
    return {
      receivedBytes: this.#received,
      doneBytes: this.#done,
      totalBytes: this.#total,
      rate,
      elapsedMs: now - this.#startedMs,
      contentMs: (this.#lastArrivalMs ?? 0) - (this.#firstArrivalMs ?? 0),
      ...(rate > 0 ? { remainingMs: (left * 1000) / rate } : {}),
      maxGapMs: this.#maxGapMs,
    };
  }
}
