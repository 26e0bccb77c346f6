import { KwikError } from '@kwik/wire';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';

/** A session whose client may be away. */
export type ClientSession = Pick<SessionContext, 'assertOpen' | 'controlPath'>;

/** The path to the client. Throws when the session has ended, and ERR_KWIK_NO_PATH while the client is away. */
export function requireClient(session: ClientSession): PathRuntime {
  session.assertOpen();
  const path = session.controlPath;
  if (path === undefined) throw new KwikError('ERR_KWIK_NO_PATH', 'the client is not connected');
  return path;
}
