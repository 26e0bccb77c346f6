import type { Pacer } from './pacer.js';
import type { PathSampler } from './path-sampler.js';
import type { SendActivity } from './send-activity.js';

/** Accepted and not sent, per connection: bounds for very slow and very fast paths. */
const MIN_UNSENT_DATAGRAMS = 16;
export const MAX_UNSENT_BYTES = 1024 * 1024;

/** How far ahead of the wire bytes are taken. */
export class SendAhead {
  constructor(
    private readonly pacer: Pacer,
    private readonly sampler: PathSampler,
    private readonly activity: SendActivity,
    private readonly sizes: { readonly datagramBytes: number },
    private readonly sendAheadMs: number,
  ) {}

  /** What may be accepted and not sent. */
  get limitBytes(): number {
    if (this.pacer.unlimited) return MAX_UNSENT_BYTES;
    const bytes = Math.floor(2 * this.pacer.rate * this.sendAheadMs);
    return Math.min(MAX_UNSENT_BYTES, Math.max(MIN_UNSENT_DATAGRAMS * this.sizes.datagramBytes, bytes));
  }

  /** Beyond what pacing allows at once. */
  get aheadBytes(): number {
    return Math.max(2 * this.sizes.datagramBytes, this.pacer.rate * this.sendAheadMs);
  }

  /**
   * Room that is worth a write: half of what is taken ahead, for a user who fills every small gap spends its time on
   * small pieces, and headers. Little room that stays while nothing comes is worth one all the same: it may be what the
   * peer's flow control leaves, and then no more comes before that is used.
   */
  worthwhileBytes(now: number): number {
    const { datagramBytes } = this.sizes;
    if (this.pacer.unlimited || now >= this.littleFromMs) return datagramBytes;
    return Math.max(datagramBytes, Math.min(this.aheadBytes / 2, this.sampler.latest.cwndBytes / 4));
  }

  /** From when on little room is worth a write. */
  get littleFromMs(): number {
    return this.activity.lastMs + this.sendAheadMs;
  }
}
