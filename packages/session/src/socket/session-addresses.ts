import { KwikError, type TransportAddress } from '@kwik/wire';
import type { Session } from '../api/session.js';
import { ClientSession } from '../client/client-session.js';
import { AcceptedSession } from '../server/server-session.js';

export interface SessionAddresses {
  readonly local: TransportAddress;
  readonly remote: TransportAddress;
}

/** Both ends of the path that a session's writes take by default, as they are now; undefined while it has no path. */
export function sessionAddresses(session: Session): SessionAddresses | undefined {
  if (!(session instanceof ClientSession || session instanceof AcceptedSession)) {
    throw new KwikError('ERR_KWIK_INTERNAL', 'this session was made by neither dial nor listen');
  }
  return session.engine.controlPath?.port.transport;
}
