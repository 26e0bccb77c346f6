import type { PolicyDecider } from '@kwik/wire';
import type { OneDecision, PolicyDecision } from './policy-decision.js';

/** The last so many decisions are kept. */
const KEPT = 64;

/** Whose decisions peers bring about, by answering or not: a network that comes and goes makes one for each session. */
const OF_PEERS: ReadonlySet<PolicyDecider> = new Set(['service', 'dials']);
/** So many of a kind of those are told of one by one at once, and one more a second in the long run. */
const AT_ONCE = 32;
const ONE_MORE_MS = 1000;
/** The others are counted, and told of together so often. */
const TOGETHER_MS = 5000;

interface Kind {
  /** How many may be told of, as of `atMs`. */
  left: number;
  atMs: number;
  untold: number;
  /** Of the last that was counted: what those that are told of together have in common. */
  last: OneDecision;
  dueMs: number;
}

/**
 * Where all decisions of an end pass: each is published once, alone or with others of its kind, and the last ones are kept. Sans-IO; `now`
 * in milliseconds.
 */
export class DecisionLog {
  readonly #publish: (decision: PolicyDecision) => void;
  readonly #onDue: (atMs: number) => void;
  readonly #kinds = new Map<string, Kind>();
  readonly #kept: PolicyDecision[] = [];

  /** `onDue`: told when `tick` is to be called, at the latest. */
  constructor(publish: (decision: PolicyDecision) => void, onDue: (atMs: number) => void) {
    this.#publish = publish;
    this.#onDue = onDue;
  }

  /** The newest last; whoever has them may do with the list what it likes. */
  get kept(): PolicyDecision[] {
    return [...this.#kept];
  }

  decided(decision: OneDecision): void {
    if (!OF_PEERS.has(decision.decider) || this.#mayTell(decision)) this.#tell({ ...decision, count: 1 });
  }

  /** Tells of those that were counted, when that is due. */
  tick(now: number): void {
    for (const kind of this.#kinds.values()) {
      if (kind.untold === 0) continue;
      if (now >= kind.dueMs) this.#tellTogether(kind, now);
      else this.#onDue(kind.dueMs);
    }
  }

  #mayTell(decision: OneDecision): boolean {
    const { decider, step, result, atMs } = decision;
    const key = `${decider} ${step} ${result}`;
    const kind = this.#kinds.get(key) ?? { left: AT_ONCE, atMs, untold: 0, last: decision, dueMs: atMs };
    this.#kinds.set(key, kind);
    kind.left = Math.min(AT_ONCE, kind.left + (atMs - kind.atMs) / ONE_MORE_MS);
    kind.atMs = atMs;
    if (kind.left >= 1) {
      kind.left--;
      return true;
    }
    if (kind.untold++ === 0) {
      kind.dueMs = atMs + TOGETHER_MS;
      this.#onDue(kind.dueMs);
    }
    kind.last = decision;
    return false;
  }

  #tellTogether(kind: Kind, atMs: number): void {
    const { untold: count, last } = kind;
    kind.untold = 0;
    const bound = { name: 'decisions of a kind that are told one by one', limit: AT_ONCE, value: AT_ONCE + count };
    const reason = `too many to tell of each; the last: ${last.reason}`;
    this.#tell({ ...last, server: '', session: '', reason, bound, atMs, count });
  }

  #tell(decision: PolicyDecision): void {
    this.#kept.push(decision);
    if (this.#kept.length > KEPT) this.#dropOne();
    this.#publish(decision);
  }

  /** Whoever decides most loses its oldest: what peers bring about drives out nothing else. */
  #dropOne(): void {
    const counts = new Map<PolicyDecider, number>();
    for (const { decider } of this.#kept) counts.set(decider, (counts.get(decider) ?? 0) + 1);
    const [most] = [...counts].reduce((one, other) => (other[1] > one[1] ? other : one));
    this.#kept.splice(
      this.#kept.findIndex(({ decider }) => decider === most),
      1,
    );
  }
}
