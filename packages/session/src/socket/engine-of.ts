import { KwikError } from '@kwik/wire';
import type { Session } from '../api/session.js';
import { ClientSession } from '../client/client-session.js';
import type { SessionEngine } from '../runtime/session/engine.js';
import { AcceptedSession } from '../server/server-session.js';

/** What a session is made of. */
export function engineOf(session: Session): SessionEngine {
  if (session instanceof ClientSession || session instanceof AcceptedSession) return session.engine;
  throw new KwikError('ERR_KWIK_INTERNAL', 'this session was made by neither dial nor listen');
}
