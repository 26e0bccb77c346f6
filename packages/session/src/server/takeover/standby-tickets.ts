import { TICKET_ID_BYTES, type SessionKeys, type SessionTickets } from '@kwik/kcp';
import { CONTROL_LIMITS, KwikError, type proto } from '@kwik/wire';
import type { StandbyServer, TakeoverOptions } from '../../api/takeover.js';
import { formatAddress, parseTarget } from '../../client/target.js';
import type { Feature } from '../../runtime/features/feature.js';
import type { SessionContext } from '../../runtime/features/session-context.js';
import { DueTimer } from '../../runtime/waiting/due-timer.js';

const CALLBACK = 'takeover.standby';
/** However often the standby changes, a client is told no more often than this. */
const MIN_BETWEEN_MS = 1000;
const NOTHING = new Uint8Array(0);

/** How a server lets its sessions go on elsewhere. */
export interface TakeoverConfig {
  readonly tickets: SessionTickets;
  readonly standby: TakeoverOptions['standby'];
  readonly lifeMs: number;
}

export interface StandbyTicketsOptions extends TakeoverConfig {
  readonly keys: SessionKeys;
  readonly identity: string | undefined;
  /** Public keys of what signed the session's content grants, the newest first. */
  readonly grantKeys: readonly Uint8Array[];
  /** This server, as the standby is told of it. */
  readonly primary: string;
  /** Primaries that the session had before. */
  readonly takeovers: number;
  readonly wallClockMs: () => number;
  readonly random: (bytes: number) => Uint8Array;
}

type TicketSession = Pick<SessionContext, 'clock' | 'callbacks' | 'controlPath' | 'closeInfo'>;
type Named = Pick<proto.Standby, 'address' | 'serverName'>;

/**
 * Gives the client what it needs to go on at the standby: the session, sealed under the fleet's key, which the client keeps and
 * cannot read. What it holds of the session does not change, so it is always up to date; it is renewed because it expires, and when
 * the standby is another one.
 */
export class StandbyTickets implements Feature {
  readonly #session: TicketSession;
  readonly #options: StandbyTicketsOptions;
  readonly #timer: DueTimer;
  #leaving = false;
  /** When the standby is asked for; undefined before the first path is there. */
  #dueMs: number | undefined;
  /** When the client needs another ticket, whichever the standby is. */
  #renewMs = 0;
  #askedMs = -Infinity;
  /** Questions, and the last of them that was answered: an answer that comes late is none. */
  #asked = 0;
  #answered = 0;
  /** What the client has a ticket for. */
  #told: Named | undefined;

  constructor(session: TicketSession, options: StandbyTicketsOptions) {
    this.#session = session;
    this.#options = options;
    this.#timer = new DueTimer(session.clock, () => void this.#name());
  }

  onPathUp(): void {
    this.#renewNow();
  }

  onEnd(): void {
    this.#timer.set(undefined);
  }

  /** The client is to go, or may stay after all: it is told at once. */
  leave(leaving: boolean): void {
    if (this.#leaving === leaving) return;
    this.#leaving = leaving;
    this.#renewNow();
  }

  /** The standby may be another one: it is asked for at `atMs`, and the client is told if it is. */
  changed(atMs: number): void {
    const dueMs = Math.max(atMs, this.#askedMs + MIN_BETWEEN_MS);
    if (this.#dueMs !== undefined && dueMs < this.#dueMs) this.#set(dueMs);
  }

  #renewNow(): void {
    this.#renewMs = this.#session.clock.now();
    this.#set(this.#renewMs);
  }

  #set(dueMs: number): void {
    this.#dueMs = dueMs;
    this.#timer.set(dueMs);
  }

  async #name(): Promise<void> {
    const { clock, callbacks } = this.#session;
    const { standby } = this.#options;
    const question = ++this.#asked;
    this.#askedMs = clock.now();
    this.#dueMs = Infinity;
    try {
      const named = typeof standby === 'function' ? await standby() : standby;
      if (this.#session.closeInfo !== undefined || question < this.#answered) return;
      this.#answered = question;
      this.#tell(named, this.#renews());
    } catch (error) {
      callbacks.onError(CALLBACK, error);
      // The answer to a later one is still to come.
      if (question !== this.#asked) return;
      this.#renews();
    }
    if (this.#session.closeInfo === undefined && this.#renewMs < this.#dueMs) this.#set(this.#renewMs);
  }

  /** Whether it is time to; once. Of several questions it falls to the one that is answered: none of those before is heard any more. */
  #renews(): boolean {
    const now = this.#session.clock.now();
    if (now < this.#renewMs) return false;
    this.#renewMs = now + this.#options.lifeMs / 3;
    return true;
  }

  /** A client that is away is told when it is back. Throws for an address that is none. */
  #tell(standby: StandbyServer | undefined, renews: boolean): void {
    const path = this.#session.controlPath;
    if (path === undefined) return;
    const named = standby && namedBy(standby);
    const before = this.#told;
    const isSame = before?.address === named?.address && before?.serverName === named?.serverName;
    if (isSame && !renews) return;
    this.#told = named;
    if (named !== undefined) path.send({ $case: 'standby', value: this.#ticketFor(named) });
    else if (before !== undefined) path.send({ $case: 'standby', value: takenBack(before) });
  }

  #ticketFor(named: Named): proto.Standby {
    const { tickets, keys, identity, grantKeys, primary, takeovers, lifeMs, wallClockMs, random } = this.#options;
    const ticketId = random(TICKET_ID_BYTES);
    const expiresMs = wallClockMs() + lifeMs;
    const ticket = tickets.seal({ keys, ticketId, expiresMs, identity, grantKeys, primary, takeovers }, random);
    if (ticket === undefined)
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', "the client's identity is too long to be sealed");
    return { ...named, ticket, lifeMs, leaving: this.#leaving };
  }
}

/** Throws for what no client takes: it would end the path on which it is told. */
function namedBy({ address: given, serverName = '' }: StandbyServer): Named {
  const { host, port } = parseTarget(given);
  const address = formatAddress(host, port);
  const { addressBytes, serverNameBytes } = CONTROL_LIMITS;
  if (Buffer.byteLength(address) > addressBytes || Buffer.byteLength(serverName) > serverNameBytes) {
    const text = `a standby has an address of ${addressBytes} bytes at the most, and a name of ${serverNameBytes}`;
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
  }
  return { address, serverName };
}

/** A ticket that nobody takes any more: the client has nowhere to go. */
function takenBack(named: Named): proto.Standby {
  return { ...named, ticket: NOTHING, lifeMs: 0, leaving: false };
}
