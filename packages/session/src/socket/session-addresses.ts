import type { TransportAddress } from '@kwik/wire';
import type { Session } from '../api/session.js';
import { engineOf } from './engine-of.js';

export interface SessionAddresses {
  readonly local: TransportAddress;
  readonly remote: TransportAddress;
}

/** Both ends of the path that a session's writes take by default, as they are now; undefined while it has no path. */
export function sessionAddresses(session: Session): SessionAddresses | undefined {
  return engineOf(session).controlPath?.port.transport;
}
