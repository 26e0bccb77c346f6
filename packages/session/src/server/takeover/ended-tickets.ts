import { CLOCK_SKEW_MS, type SessionTicketFields } from '@kwik/kcp';
import type { SessionId } from '@kwik/wire';

/** Of which something is remembered: about 5 MB. */
const MAX_ENDED = 32_768;

/** Of several of one session that of a later primary is newer, and of one primary that which expires later. */
export type TicketAge = Pick<SessionTicketFields, 'takeovers' | 'expiresMs'>;

/**
 * Sessions that have ended here, which no ticket begins again that is not newer than what they ended with. Each is remembered until no clock of
 * the fleet takes such a ticket. When there are too many the oldest quarter is forgotten, and no ticket as old as those is taken: so many ends
 * in a short time cost others no takeover, as long as their tickets are fresh.
 */
export class EndedTickets {
  readonly #max: number;
  readonly #endedById = new Map<SessionId, TicketAge>();
  /** Of what was forgotten in its time, the last. */
  #forgottenMs = -Infinity;

  constructor(max = MAX_ENDED) {
    this.#max = max;
  }

  get size(): number {
    return this.#endedById.size;
  }

  add(id: SessionId, { takeovers, expiresMs }: TicketAge, nowMs: number): void {
    if (this.has(id, { takeovers, expiresMs })) return;
    if (this.#endedById.size >= this.#max) this.#makeRoom(nowMs);
    this.#endedById.set(id, { takeovers, expiresMs });
  }

  has(id: SessionId, { takeovers, expiresMs }: TicketAge): boolean {
    const ended = this.#endedById.get(id);
    if (ended === undefined) return false;
    return takeovers < ended.takeovers || (takeovers === ended.takeovers && expiresMs <= ended.expiresMs);
  }

  /** Whether it may be one of those that were forgotten. */
  isTooOld({ expiresMs }: Pick<TicketAge, 'expiresMs'>): boolean {
    return expiresMs <= this.#forgottenMs;
  }

  #makeRoom(nowMs: number): void {
    for (const [id, { expiresMs }] of this.#endedById) {
      if (expiresMs + 2 * CLOCK_SKEW_MS <= nowMs) this.#endedById.delete(id);
    }
    // Not one at a time: it takes a look at all of them.
    if (this.#endedById.size <= (3 * this.#max) / 4) return;
    const byAge = [...this.#endedById].sort(([, one], [, other]) => one.expiresMs - other.expiresMs);
    for (const [id, { expiresMs }] of byAge.slice(0, Math.ceil(this.#max / 4))) {
      this.#endedById.delete(id);
      this.#forgottenMs = Math.max(this.#forgottenMs, expiresMs);
    }
  }
}
