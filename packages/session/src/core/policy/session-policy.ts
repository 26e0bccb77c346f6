import type { PolicyDecider, ServiceLevel } from '@kwik/wire';
import type { OneDecision, PolicyDecision } from './policy-decision.js';
import type { ScalingEngineOptions } from './scaling/scaling-engine.js';
import { SessionScaling } from './scaling/session-scaling.js';
import { SERVICE_RANKS, ServiceLevels, type ServicePath } from './service/service-levels.js';
import type { Shortage, ShortageLimits } from './shortage.js';

const RESTORED = 'as many paths as it ever had carry data, and nothing is short';

/** What the policy of a session needs of that of its end. */
export interface SessionPolicySurroundings {
  readonly sessionId: string;
  readonly shortage: Pick<Shortage, 'limits' | 'onChange' | 'retryAfterMs'>;
  readonly decided: (decision: OneDecision) => void;
  /** The last ones of its end. */
  readonly decisions: () => readonly PolicyDecision[];
}

/**
 * What is decided of one session: how much of its service it has, and at a primary that scales, how many servers. What its end is short of it
 * asks the end itself. Sans-IO; `now` in milliseconds.
 */
export class SessionPolicy {
  readonly #around: SessionPolicySurroundings;
  readonly #levels = new ServiceLevels();
  #ended = false;

  constructor(around: SessionPolicySurroundings) {
    this.#around = around;
    const { text, bound } = around.shortage.limits;
    this.#levels.onShortage(text, bound);
  }

  /** What the end of the session gives. */
  get limits(): ShortageLimits {
    return this.#around.shortage.limits;
  }

  /** When a path that is turned away for a shortage may come back, milliseconds. */
  get retryAfterMs(): number {
    return this.#around.shortage.retryAfterMs();
  }

  /** Hears when what the end gives is something else. Returns what ends that. */
  onChange(listener: (limits: ShortageLimits) => void): () => void {
    return this.#around.shortage.onChange(listener);
  }

  /** Of the last decisions of its end those that are not of other sessions; the newest last. */
  get decisions(): readonly PolicyDecision[] {
    const { sessionId, decisions } = this.#around;
    return decisions().filter(({ session }) => session === '' || session === sessionId);
  }

  get level(): ServiceLevel {
    return this.#levels.level;
  }

  /** A path is as it is now. True when the level of service is another one. */
  onPath(path: ServicePath, now: number): boolean {
    return this.#served(() => this.#levels.onPath(path), now);
  }

  /** What the end gives is something else. True when the level of service is another one. */
  onLimits({ text, bound }: ShortageLimits, now: number): boolean {
    return this.#served(() => this.#levels.onShortage(text, bound), now);
  }

  /** The scaling rules of the session: what is only expected counts for them while the end says so. */
  scaling(options: Omit<ScalingEngineOptions, 'anticipates'>): SessionScaling {
    const anticipates = (): boolean => this.limits.probing;
    return new SessionScaling({ ...options, anticipates }, (outcome) => this.#decided('scaling', outcome));
  }

  /** Nothing is decided of it any more. */
  end(): void {
    this.#ended = true;
  }

  #served(change: () => boolean, atMs: number): boolean {
    const before = SERVICE_RANKS.indexOf(this.level.level);
    if (!change()) return false;
    const { level, reason } = this.level;
    const rank = SERVICE_RANKS.indexOf(level);
    this.#decided('service', {
      step: rank > before ? 'degrade' : 'restore',
      result: 'done',
      server: '',
      reason: reason === '' ? RESTORED : reason,
      bound: this.#levels.bound,
      figures: { rank, rankBefore: before },
      atMs,
    });
    return true;
  }

  #decided(decider: PolicyDecider, decision: Omit<OneDecision, 'decider' | 'of' | 'session'>): void {
    if (this.#ended) return;
    const { sessionId: session, decided } = this.#around;
    decided({ ...decision, decider, of: 'session', session });
  }
}
