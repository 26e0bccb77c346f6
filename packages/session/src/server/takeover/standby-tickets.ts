import { TICKET_ID_BYTES, type SessionKeys, type SessionTickets } from '@kwik/kcp';
import { KwikError } from '@kwik/wire';
import type { StandbyServer, TakeoverOptions } from '../../api/takeover.js';
import { formatAddress, parseTarget } from '../../client/target.js';
import type { Feature } from '../../runtime/features/feature.js';
import type { SessionContext } from '../../runtime/features/session-context.js';
import { DueTimer } from '../../runtime/waiting/due-timer.js';

const CALLBACK = 'takeover.standby';

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
  readonly wallClockMs: () => number;
  readonly random: (bytes: number) => Uint8Array;
}

type TicketSession = Pick<SessionContext, 'clock' | 'callbacks' | 'controlPath' | 'closeInfo'>;

/**
 * Gives the client what it needs to go on at the standby: the session, sealed under the fleet's key, which the client keeps and
 * cannot read. What it holds of the session does not change, so it is always up to date; it is renewed because it expires.
 */
export class StandbyTickets implements Feature {
  readonly #session: TicketSession;
  readonly #options: StandbyTicketsOptions;
  readonly #timer: DueTimer;
  #leaving = false;

  constructor(session: TicketSession, options: StandbyTicketsOptions) {
    this.#session = session;
    this.#options = options;
    this.#timer = new DueTimer(session.clock, () => void this.#name());
  }

  onPathUp(): void {
    this.#timer.set(this.#session.clock.now());
  }

  onEnd(): void {
    this.#timer.set(undefined);
  }

  /** The client is to go, or may stay after all: it is told at once. */
  leave(leaving: boolean): void {
    if (this.#leaving === leaving) return;
    this.#leaving = leaving;
    this.#timer.set(this.#session.clock.now());
  }

  async #name(): Promise<void> {
    const { clock, callbacks } = this.#session;
    const { standby, lifeMs } = this.#options;
    try {
      const named = typeof standby === 'function' ? await standby() : standby;
      if (named !== undefined && this.#session.closeInfo === undefined) this.#tell(named);
    } catch (error) {
      callbacks.onError(CALLBACK, error);
    }
    if (this.#session.closeInfo === undefined) this.#timer.set(clock.now() + lifeMs / 3);
  }

  /** A client that is away is told when it is back. Throws for an address that is none. */
  #tell({ address, serverName = '' }: StandbyServer): void {
    const { tickets, keys, identity, grantKeys, primary, lifeMs, wallClockMs, random } = this.#options;
    const path = this.#session.controlPath;
    const { host, port } = parseTarget(address);
    if (path === undefined) return;
    const ticketId = random(TICKET_ID_BYTES);
    const expiresMs = wallClockMs() + lifeMs;
    const ticket = tickets.seal({ keys, ticketId, expiresMs, identity, grantKeys, primary }, random);
    if (ticket === undefined)
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', "the client's identity is too long to be sealed");
    const value = { address: formatAddress(host, port), serverName, ticket, lifeMs, leaving: this.#leaving };
    path.send({ $case: 'standby', value });
  }
}
