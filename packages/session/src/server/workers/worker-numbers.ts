const NUMBERS = 256;

/** Which numbers the processes of a fleet have: a new one as late as possible after another process had it. */
export class WorkerNumbers {
  readonly #used = new Set<number>();
  /** Those whose processes are gone for good. */
  readonly #retired = new Set<number>();
  #next = 0;

  /** One that nobody has, and nobody is to have again; undefined when all are used. */
  take(): number | undefined {
    if (this.#used.size === NUMBERS) return undefined;
    while (this.#used.has(this.#next)) this.#next = (this.#next + 1) % NUMBERS;
    const number = this.#next;
    this.#next = (number + 1) % NUMBERS;
    this.#used.add(number);
    this.#retired.delete(number);
    return number;
  }

  /** Its process is gone, and no other takes its place. */
  retire(number: number): void {
    this.#used.delete(number);
    this.#retired.add(number);
  }

  get retired(): number[] {
    return [...this.#retired];
  }
}
