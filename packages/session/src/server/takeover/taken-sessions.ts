import type { SessionTicketFields, SessionTickets, TakenSession } from '@kwik/kcp';
import { KwikError, type SessionId } from '@kwik/wire';
import type { SessionEngine } from '../../runtime/session/engine.js';
import { EndedTickets } from './ended-tickets.js';

type TakenEngine = Pick<SessionEngine, 'closed' | 'finish' | 'parting'>;

/** What other servers began, and this one goes on with. A session that has ended here is not begun anew by its old ticket. */
export class TakenSessions {
  readonly #tickets: Pick<SessionTickets, 'open'>;
  readonly #ended = new EndedTickets();
  readonly #replaced = new WeakSet<TakenEngine>();

  constructor(tickets: Pick<SessionTickets, 'open'>) {
    this.#tickets = tickets;
  }

  /** Throws for a ticket that is not taken. */
  open(ticket: Uint8Array, id: SessionId, nowMs: number): SessionTicketFields {
    const fields = this.#tickets.open(ticket, id, nowMs);
    this.admit(fields);
    return fields;
  }

  /** To be asked again when the session begins: it may have ended since the ticket was opened. Throws as `open` does. */
  admit(ticket: Pick<SessionTicketFields, 'ticketId' | 'expiresMs'>): void {
    if (this.#ended.has(ticket)) {
      throw new KwikError('ERR_KWIK_TOKEN_REPLAYED', 'the session of this ticket has ended here');
    }
    if (this.#ended.isTooOld(ticket)) {
      const text = 'too many sessions that were taken over have just ended here: a ticket must be newer than this one';
      throw new KwikError('ERR_KWIK_CONNECTION_REFUSED', text);
    }
  }

  /** `wallClockMs`: milliseconds since 1970. */
  began({ ticket }: TakenSession, engine: TakenEngine, wallClockMs: () => number): void {
    void engine.closed.then(({ error }) => {
      // A client that goes back on it may need the ticket when its primary is lost the next time; not one that is sent away.
      const givenBack = error?.code === 'ERR_KWIK_ABORTED' && !engine.parting;
      if (this.#replaced.has(engine) || givenBack) return;
      this.#ended.add(ticket, wallClockMs());
    });
  }

  /** Its client goes on in another session of this id, and has no path to this one any more. */
  replace(engine: TakenEngine): void {
    this.#replaced.add(engine);
    engine.finish({ by: 'peer', code: 0, reason: 'the client took the session over anew' }, false);
  }
}
