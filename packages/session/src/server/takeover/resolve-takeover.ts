import { MAX_TICKET_LIFE_MS, SessionTickets } from '@kwik/kcp';
import { KwikError } from '@kwik/wire';
import type { TakeoverOptions } from '../../api/takeover.js';
import type { TakeoverConfig } from './standby-tickets.js';

/** Three times as long as a client is without its ticket at the most; what is sealed opens the session for no longer. */
const TICKET_LIFE_MS = 60_000;
const MIN_TICKET_LIFE_MS = 3000;

/** With the defaults. Throws ERR_KWIK_INVALID_ARGUMENT for keys, or a time, that cannot be. */
export function resolveTakeover(options: TakeoverOptions): TakeoverConfig {
  const { fleetKeys, standby, ticketLifeMs: lifeMs = TICKET_LIFE_MS } = options;
  if (lifeMs < MIN_TICKET_LIFE_MS || lifeMs > MAX_TICKET_LIFE_MS) {
    const text = `takeover.ticketLifeMs is ${lifeMs}; it is from ${MIN_TICKET_LIFE_MS} to ${MAX_TICKET_LIFE_MS}`;
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', text);
  }
  return { tickets: new SessionTickets(fleetKeys), standby, lifeMs };
}
