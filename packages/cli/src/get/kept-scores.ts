import type { KeptTrustScores } from '@kwik/trust';
import { reportError } from '../errors.js';

/** What servers did before, and where it is kept for the next time. Rejects with ERR_KWIK_LOCAL_FILE for a file that is something else. */
export async function openScores(
  path: string | undefined,
  say: (line: string) => void,
): Promise<KeptTrustScores | undefined> {
  if (path === undefined) return undefined;
  const trust = await import('@kwik/trust');
  return trust.KeptTrustScores.open({
    path,
    onFailure: (error) => say(`what servers did is not kept: ${reportError(error).message}`),
  });
}
