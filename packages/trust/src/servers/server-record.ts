import type { ServerConduct, ServerUse } from '@kwik/wire';
import { faded, noEvidence, scoreOf, type BetaEvidence } from './beta-score.js';
import type { KeptRecord } from './kept-text.js';
import type { TrustScorePolicy } from './trust-policy.js';

/** Fewer say nothing: a server that was away once would be left alone. */
const MIN_EVIDENCE = 3;
/** Evidence below this moves a score by less than a hundredth. */
const FORGOTTEN = 0.02;
/** What cannot be checked against the primary's digests. */
const UNCHECKED: ReadonlySet<ServerUse> = new Set<ServerUse>(['contribute', 'raw']);

export type Standing = 'good' | 'probation' | 'quarantine' | 'excluded';

/** What one server did, and what follows. Honesty and reliability are judged apart: who is slow, or away, is no liar. */
export class ServerRecord {
  readonly #policy: TrustScorePolicy;
  #reliability: BetaEvidence;
  #slow: BetaEvidence;
  #exclusions = 0;
  #excludedUntilMs = Number.NEGATIVE_INFINITY;
  #quarantines = 0;
  #quarantinedUntilMs = Number.NEGATIVE_INFINITY;
  /** Deliveries that are due before what is unchecked is taken again. */
  #onProbation = 0;
  touchedMs: number;

  constructor(policy: TrustScorePolicy, nowMs: number) {
    this.#policy = policy;
    this.#reliability = noEvidence(nowMs);
    this.#slow = noEvidence(nowMs);
    this.touchedMs = nowMs;
  }

  /** As it stood in a file. A clock that was wrong when it was written excludes nobody for longer than the policy does. */
  static from(policy: TrustScorePolicy, kept: KeptRecord, nowMs: number): ServerRecord {
    const record = new ServerRecord(policy, nowMs);
    record.#reliability = { ...kept.reliability, atMs: Math.min(nowMs, kept.reliability.atMs) };
    record.#slow = { ...kept.slow, atMs: Math.min(nowMs, kept.slow.atMs) };
    record.#exclusions = kept.exclusions;
    record.#excludedUntilMs = Math.min(kept.excludedUntilMs, nowMs + policy.exclusion.maxMs);
    record.#quarantines = kept.quarantines;
    record.#quarantinedUntilMs = Math.min(kept.quarantinedUntilMs, nowMs + policy.quarantine.maxMs);
    record.#onProbation = Math.min(kept.onProbation, policy.probation);
    return record;
  }

  kept(server: string): KeptRecord {
    return {
      server,
      reliability: this.#reliability,
      slow: this.#slow,
      exclusions: this.#exclusions,
      excludedUntilMs: Math.max(0, this.#excludedUntilMs),
      quarantines: this.#quarantines,
      quarantinedUntilMs: Math.max(0, this.#quarantinedUntilMs),
      onProbation: this.#onProbation,
    };
  }

  /** False when so little is left of it that a newcomer is judged in the same way. */
  isWorthKeeping(nowMs: number): boolean {
    const { good, bad } = this.evidence(nowMs);
    return good + bad + this.slowness(nowMs) >= FORGOTTEN || this.standing(nowMs) !== 'good' || this.#exclusions > 0;
  }

  observe(conduct: ServerConduct, nowMs: number): void {
    this.touchedMs = nowMs;
    switch (conduct) {
      case 'connected':
        this.#add(1, 0, nowMs);
        return;
      case 'delivered':
        this.#add(1, 0, nowMs);
        this.#onProbation = Math.max(0, this.#onProbation - 1);
        return;
      case 'unreachable':
      case 'refused-range':
        this.#add(0, 1, nowMs);
        return;
      case 'slow': {
        const slow = faded(this.#slow, nowMs, this.#policy.halfLifeMs);
        this.#slow = { ...slow, bad: slow.bad + 1 };
        return;
      }
      case 'wrong-content':
      case 'violation':
        this.#exclude(nowMs);
        return;
    }
  }

  /** What somebody who is believed says of it, as if it had happened here. */
  addReported(good: number, bad: number, nowMs: number): void {
    this.touchedMs = nowMs;
    this.#add(good, bad, nowMs);
  }

  /** How far it can be relied on, 0 to 1. */
  score(nowMs: number): number {
    return scoreOf(faded(this.#reliability, nowMs, this.#policy.halfLifeMs));
  }

  /** Evidence that is left. */
  evidence(nowMs: number): BetaEvidence {
    return faded(this.#reliability, nowMs, this.#policy.halfLifeMs);
  }

  /** How often it was slow, of late; for those who choose, and no reason not to trust it. */
  slowness(nowMs: number): number {
    return faded(this.#slow, nowMs, this.#policy.halfLifeMs).bad;
  }

  standing(nowMs: number): Standing {
    if (nowMs < this.#excludedUntilMs) return 'excluded';
    if (nowMs < this.#quarantinedUntilMs) return 'quarantine';
    return this.#onProbation > 0 ? 'probation' : 'good';
  }

  /** Why it is not to be used for all of these; undefined when it may. */
  refusal(uses: readonly ServerUse[], nowMs: number): string | undefined {
    const standing = this.standing(nowMs);
    if (standing === 'excluded') return `it sent wrong content or broke a rule, ${until(this.#excludedUntilMs)}`;
    if (standing === 'quarantine') return `it failed too often, ${until(this.#quarantinedUntilMs)}`;
    const score = this.score(nowMs);
    const { minimum } = this.#policy;
    for (const use of uses) {
      if (standing === 'probation' && UNCHECKED.has(use)) {
        return `it was excluded before, and has to deliver ${this.#onProbation} times more before it may ${use}`;
      }
      if (score < minimum[use]) return `its score is ${score.toFixed(2)}, and ${use} takes ${minimum[use]}`;
    }
    return undefined;
  }

  /** Whatever it did is forgiven: somebody looked into it. */
  pardon(nowMs: number): void {
    this.#reliability = noEvidence(nowMs);
    this.#exclusions = 0;
    this.#quarantines = 0;
    this.#excludedUntilMs = Number.NEGATIVE_INFINITY;
    this.#quarantinedUntilMs = Number.NEGATIVE_INFINITY;
    this.#onProbation = 0;
  }

  #add(good: number, bad: number, nowMs: number): void {
    const { halfLifeMs, quarantine } = this.#policy;
    const before = faded(this.#reliability, nowMs, halfLifeMs);
    this.#reliability = { ...before, good: before.good + good, bad: before.bad + bad };
    const { good: all, bad: failed } = this.#reliability;
    if (bad === 0 || all + failed < MIN_EVIDENCE || scoreOf(this.#reliability) >= quarantine.below) return;
    if (nowMs < this.#quarantinedUntilMs) return;
    this.#quarantinedUntilMs = nowMs + doubled(quarantine, this.#quarantines++);
    // The way back: afterwards it is judged by what it does then, and by half of what it did.
    this.#reliability = { good: all / 2, bad: failed / 2, atMs: nowMs };
  }

  #exclude(nowMs: number): void {
    const { exclusion, probation } = this.#policy;
    if (nowMs >= this.#excludedUntilMs) this.#excludedUntilMs = nowMs + doubled(exclusion, this.#exclusions++);
    this.#onProbation = probation;
  }
}

function doubled({ firstMs, maxMs }: { readonly firstMs: number; readonly maxMs: number }, times: number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(times, 52));
}

function until(ms: number): string {
  return `until ${new Date(ms).toISOString()}`;
}
