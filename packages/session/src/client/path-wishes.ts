import { errorFromDetail } from '@kwik/kcp';
import { KwikError } from '@kwik/wire';
import type { SessionContext } from '../runtime/features/session-context.js';

/** The primary tries one server within 4 s, and drains a path within 5. */
const ANSWER_MS = 15_000;
/** The protocol allows 512 bytes. */
const MAX_REASON_CHARACTERS = 120;

/** Asks the primary for a path to one more server, or to give one back. */
export async function wishForPaths(
  session: Pick<SessionContext, 'controlPath'> & { assertOpen(): void },
  pathsDelta: number,
  reason: string,
): Promise<void> {
  session.assertOpen();
  if (pathsDelta !== 1 && pathsDelta !== -1) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `a change of ${pathsDelta} paths: it is 1 or -1`);
  }
  const path = session.controlPath;
  if (path === undefined) throw new KwikError('ERR_KWIK_NO_PATH', 'the primary cannot be asked now');
  const value = { pathsDelta, reason: reason.slice(0, MAX_REASON_CHARACTERS) };
  const answer = await path.request('scaleRequest', value, ANSWER_MS);
  const { accepted, error } = answer.value;
  if (accepted) return;
  throw error === undefined
    ? new KwikError('ERR_KWIK_LIMIT_EXCEEDED', 'the primary does not change the paths')
    : errorFromDetail(error);
}
