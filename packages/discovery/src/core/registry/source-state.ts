/** How a source does, for people and for what is made of its servers. */
export interface SourceStatus {
  readonly name: string;
  /** `waiting`: it has said nothing yet. `stale`: it failed, and what it said before stays. */
  readonly state: 'waiting' | 'fresh' | 'stale';
  readonly servers: number;
  /** When it answered last, on the caller's clock; undefined: never. */
  readonly answeredMs: number | undefined;
  /** Why it fails; undefined while it does not. */
  readonly failure: string | undefined;
  /** What it found and could not be used, a line each; 16 at the most. */
  readonly problems: readonly string[];
}

const MAX_PROBLEMS = 16;

/** What the registry keeps of one source. */
export class SourceState {
  /** Keys of the entries that have a fact of it. */
  readonly keys = new Set<string>();
  answeredMs: number | undefined;
  failedMs: number | undefined;
  #failure: string | undefined;
  #problems: string[] = [];

  constructor(
    readonly name: string,
    /** Its place among the sources: smaller is believed before larger. */
    readonly order: number,
  ) {}

  answered(nowMs: number, problems: readonly string[]): void {
    this.answeredMs = nowMs;
    this.failedMs = undefined;
    this.#failure = undefined;
    this.#problems = problems.slice(0, MAX_PROBLEMS);
  }

  failed(reason: string, nowMs: number): void {
    this.failedMs ??= nowMs;
    this.#failure = reason;
  }

  problem(text: string): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(text);
  }

  get status(): SourceStatus {
    const { name, keys, answeredMs } = this;
    const [failure, problems] = [this.#failure, [...this.#problems]];
    const state = failure !== undefined ? 'stale' : answeredMs === undefined ? 'waiting' : 'fresh';
    return { name, state, servers: keys.size, answeredMs, failure, problems };
  }
}
