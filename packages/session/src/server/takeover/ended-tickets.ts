import { CLOCK_SKEW_MS } from '@kwik/kcp';

/** Of which something is remembered: about 5 MB. */
const MAX_ENDED = 32_768;

interface EndedTicket {
  readonly ticketId: Uint8Array;
  /** Milliseconds since 1970. */
  readonly expiresMs: number;
}

/**
 * Tickets of sessions that have ended here, which open none any more. Each is remembered until no clock of the fleet takes it. When
 * there are too many the oldest quarter is forgotten, and no ticket as old as those is taken: so many ends in a short time cost others
 * no takeover, as long as their tickets are fresh.
 */
export class EndedTickets {
  readonly #max: number;
  readonly #expiryById = new Map<string, number>();
  /** Of what was forgotten in its time, the last. */
  #forgottenMs = -Infinity;

  constructor(max = MAX_ENDED) {
    this.#max = max;
  }

  get size(): number {
    return this.#expiryById.size;
  }

  add({ ticketId, expiresMs }: EndedTicket, nowMs: number): void {
    if (this.#expiryById.size >= this.#max) this.#makeRoom(nowMs);
    this.#expiryById.set(nameOf(ticketId), expiresMs);
  }

  has({ ticketId }: Pick<EndedTicket, 'ticketId'>): boolean {
    return this.#expiryById.has(nameOf(ticketId));
  }

  /** Whether it may be one of those that were forgotten. */
  isTooOld({ expiresMs }: Pick<EndedTicket, 'expiresMs'>): boolean {
    return expiresMs <= this.#forgottenMs;
  }

  #makeRoom(nowMs: number): void {
    for (const [id, expiresMs] of this.#expiryById) {
      if (expiresMs + 2 * CLOCK_SKEW_MS <= nowMs) this.#expiryById.delete(id);
    }
    // Not one at a time: it takes a look at all of them.
    if (this.#expiryById.size <= (3 * this.#max) / 4) return;
    const oldest = [...this.#expiryById].sort(([, one], [, other]) => one - other).slice(0, Math.ceil(this.#max / 4));
    for (const [id, expiresMs] of oldest) {
      this.#expiryById.delete(id);
      this.#forgottenMs = Math.max(this.#forgottenMs, expiresMs);
    }
  }
}

function nameOf(ticketId: Uint8Array): string {
  return Buffer.from(ticketId).toString('base64');
}
