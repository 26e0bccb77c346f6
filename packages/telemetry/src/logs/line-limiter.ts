import type { LogLine } from './log-line.js';

/** Lines of one kind at once, and in a second: what a person can follow. */
const BURST = 20;
const PER_SECOND = 5;
const MAX_KINDS = 128;

interface Bucket {
  tokens: number;
  atMs: number;
  suppressed: number;
}

/** Holds lines of one kind back when they come too fast; the next that passes says how many were left out. */
export class LineLimiter {
  readonly #buckets = new Map<string, Bucket>();

  /** The line, or undefined when there were too many like it. */
  pass(line: LogLine, nowMs: number): LogLine | undefined {
    const bucket = this.#bucket(line.event, nowMs);
    bucket.tokens = Math.min(BURST, bucket.tokens + ((nowMs - bucket.atMs) * PER_SECOND) / 1000);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1) {
      bucket.suppressed += 1;
      return undefined;
    }
    bucket.tokens -= 1;
    if (bucket.suppressed === 0) return line;
    const { suppressed } = bucket;
    bucket.suppressed = 0;
    return { ...line, fields: { ...line.fields, suppressed } };
  }

  #bucket(kind: string, atMs: number): Bucket {
    const key = this.#buckets.has(kind) || this.#buckets.size < MAX_KINDS ? kind : '';
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) this.#buckets.set(key, (bucket = { tokens: BURST, atMs, suppressed: 0 }));
    return bucket;
  }
}
