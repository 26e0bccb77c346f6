import type { SessionTicketFields, SessionTickets, TakenSession } from '@kwik/kcp';
import { KwikError, type SessionId } from '@kwik/wire';
import type { SessionEngine } from '../../runtime/session/engine.js';
import { EndedTickets } from './ended-tickets.js';
import type { TakeoverConfig } from './standby-tickets.js';

type TakenEngine = Pick<SessionEngine, 'closed' | 'finish' | 'parting'>;

/**
 * What other servers began, and this one goes on with. A session that has ended here is not begun anew by a ticket of before: neither the one
 * that it was begun by, nor another that its client has kept.
 */
export class TakenSessions {
  readonly #tickets: Pick<SessionTickets, 'open'>;
  readonly #lifeMs: number;
  readonly #ended = new EndedTickets();
  readonly #replaced = new WeakSet<TakenEngine>();

  constructor({
    tickets,
    lifeMs,
  }: { readonly tickets: Pick<SessionTickets, 'open'> } & Pick<TakeoverConfig, 'lifeMs'>) {
    this.#tickets = tickets;
    this.#lifeMs = lifeMs;
  }

  /** Throws for a ticket that is not taken. */
  open(ticket: Uint8Array, id: SessionId, nowMs: number): SessionTicketFields {
    const fields = this.#tickets.open(ticket, id, nowMs);
    this.admit(fields);
    return fields;
  }

  /** To be asked again when the session begins: it may have ended since the ticket was opened. Throws as `open` does. */
  admit(ticket: SessionTicketFields): void {
    if (this.#ended.has(ticket.keys.sessionId, ticket)) {
      throw new KwikError('ERR_KWIK_TOKEN_REPLAYED', 'the session of this ticket has ended here');
    }
    if (this.#ended.isTooOld(ticket)) {
      const text = 'too many sessions that were taken over have just ended here: a ticket must be newer than this one';
      throw new KwikError('ERR_KWIK_CONNECTION_REFUSED', text);
    }
  }

  /** This server is the session's primary; `taken` if it was not the first. `wallClockMs`: milliseconds since 1970. */
  began(id: SessionId, taken: TakenSession | undefined, engine: TakenEngine, wallClockMs: () => number): void {
    void engine.closed.then(({ by, error }) => {
      if (this.#replaced.has(engine)) return;
      const nowMs = wallClockMs();
      // Whoever is sent away has tickets of this server, too, and this one has the key to them.
      if (by === 'local') {
        this.#ended.add(id, { takeovers: takeoversAfter(taken), expiresMs: nowMs + this.#lifeMs }, nowMs);
        return;
      }
      // A client that goes back on it may need the ticket when its primary is lost the next time; not one that is sent away.
      const givenBack = error?.code === 'ERR_KWIK_ABORTED' && !engine.parting;
      if (taken !== undefined && !givenBack) this.#ended.add(id, taken.ticket, nowMs);
    });
  }

  /** Its client goes on in another session of this id, and has no path to this one any more. */
  replace(engine: TakenEngine): void {
    this.#replaced.add(engine);
    engine.finish({ by: 'peer', code: 0, reason: 'the client took the session over anew' }, false);
  }
}

/** How many primaries the session has had before this one. */
export function takeoversAfter(taken: TakenSession | undefined): number {
  return taken === undefined ? 0 : Math.min(taken.ticket.takeovers + 1, 2 ** 32 - 1);
}
