import { createHash, type Hash } from 'node:crypto';

/** What happened in a run, line by line, and its digest: the same seed gives the same lines. */
export class Trace {
  readonly #hash: Hash = createHash('sha256');
  readonly #write: ((line: string) => void) | undefined;
  readonly #now: () => number;
  lines = 0;

  /** `write` gets each line as it happens. */
  constructor(now: () => number, write?: (line: string) => void) {
    this.#now = now;
    this.#write = write;
  }

  note(text: string): void {
    const line = `${this.#now().toFixed(3).padStart(12)}  ${text}`;
    this.lines++;
    this.#hash.update(line);
    this.#write?.(line);
  }

  digest(): string {
    return this.#hash.copy().digest('hex');
  }
}
