import { KwikError } from '@kwik/wire';
import { z } from 'zod';

const DAY_MS = 24 * 3600 * 1000;
const share = z.number().min(0).max(1);
const duration = z
  .number()
  .int()
  .positive()
  .max(3650 * DAY_MS);

const POLICY = z.strictObject({
  /** Evidence of so long ago counts half. */
  halfLifeMs: duration.default(6 * 3600 * 1000),
  /**
   * The score that a server needs for what it would be used for. A newcomer has two thirds: it may bring what is checked
   * (replica, relay), and has to prove good before it may bring what is not.
   */
  minimum: z
    .strictObject({
      replica: share.default(0.3),
      relay: share.default(0.3),
      raw: share.default(0.5),
      contribute: share.default(0.5),
    })
    .prefault({}),
  /** Not below the minimum, or a server would never be asked again. Below this score, after three failures or answers, a server is left alone for a while, twice as long each time. */
  quarantine: z
    .strictObject({
      below: share.default(0.35),
      firstMs: duration.default(60_000),
      maxMs: duration.default(3600 * 1000),
    })
    .prefault({}),
  /** Wrong content or a broken rule: not used at all for so long, twice as long each time. */
  exclusion: z.strictObject({ firstMs: duration.default(DAY_MS), maxMs: duration.default(30 * DAY_MS) }).prefault({}),
  /** After an exclusion: only what is checked, until it delivered so often. */
  probation: z.number().int().min(0).max(1_000_000).default(100),
});

/** What people write; all of it has a default. */
export type TrustScorePolicyConfig = z.input<typeof POLICY>;
export type TrustScorePolicy = z.infer<typeof POLICY>;

/** Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong. */
export function trustScorePolicy(config: unknown = {}): TrustScorePolicy {
  const parsed = POLICY.safeParse(config);
  if (parsed.success) return parsed.data;
  const how = z.prettifyError(parsed.error);
  throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `the policy of trust scores cannot be used: ${how}`);
}
