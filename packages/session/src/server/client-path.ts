import { KwikError } from '@kwik/wire';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';

/** The path to the client. Throws when the session has ended, and ERR_KWIK_NO_PATH while the client is away. */
export function requireClient(session: Pick<SessionContext, 'assertOpen' | 'controlPath'>): PathRuntime {
  session.assertOpen();
  const path = session.controlPath;
  if (path === undefined) throw new KwikError('ERR_KWIK_NO_PATH', 'the client is not connected');
  return path;
}
