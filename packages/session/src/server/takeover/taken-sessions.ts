import { CLOCK_SKEW_MS, UsedTokens, type SessionTicketFields, type SessionTickets, type TakenSession } from '@kwik/kcp';
import { KwikError, type SessionId } from '@kwik/wire';
import type { SessionEngine } from '../../runtime/session/engine.js';

/** Of which something is remembered; with more of them none is taken over, until their tickets have expired. */
const MAX_ENDED = 32_768;

type TakenEngine = Pick<SessionEngine, 'closed' | 'finish' | 'parting'>;

/** What other servers began, and this one goes on with. A session that has ended here is not begun anew by its old ticket. */
export class TakenSessions {
  readonly #tickets: Pick<SessionTickets, 'open'>;
  readonly #ended = new UsedTokens({ max: 2 * MAX_ENDED });
  readonly #replaced = new WeakSet<TakenEngine>();

  constructor(tickets: Pick<SessionTickets, 'open'>) {
    this.#tickets = tickets;
  }

  /** Throws for a ticket that is not taken. */
  open(ticket: Uint8Array, id: SessionId, nowMs: number): SessionTicketFields {
    const fields = this.#tickets.open(ticket, id, nowMs);
    this.admit(fields, nowMs);
    return fields;
  }

  /** To be asked again when the session begins: it may have ended since the ticket was opened. Throws as `open` does. */
  admit({ ticketId }: Pick<SessionTicketFields, 'ticketId'>, nowMs: number): void {
    this.#ended.purge(nowMs);
    if (this.#ended.size >= MAX_ENDED) {
      throw new KwikError('ERR_KWIK_CONNECTION_REFUSED', 'too many sessions that were taken over have just ended');
    }
    if (this.#ended.has(ticketId, nowMs))
      throw new KwikError('ERR_KWIK_TOKEN_REPLAYED', 'the session of this ticket has ended here');
  }

  /** `wallClockMs`: milliseconds since 1970. */
  began({ ticket: { ticketId, expiresMs } }: TakenSession, engine: TakenEngine, wallClockMs: () => number): void {
    void engine.closed.then(({ error }) => {
      // A client that goes back on it may need the ticket when its primary is lost the next time; not one that is sent away.
      const givenBack = error?.code === 'ERR_KWIK_ABORTED' && !engine.parting;
      if (this.#replaced.has(engine) || givenBack) return;
      // No clock of the fleet takes it any more when it is forgotten.
      this.#ended.use(ticketId, expiresMs + 2 * CLOCK_SKEW_MS, wallClockMs());
    });
  }

  /** Its client goes on in another session of this id, and has no path to this one any more. */
  replace(engine: TakenEngine): void {
    this.#replaced.add(engine);
    engine.finish({ by: 'peer', code: 0, reason: 'the client took the session over anew' }, false);
  }
}
