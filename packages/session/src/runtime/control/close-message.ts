import type { KcpBody } from '@kwik/kcp';
import { errorCodeFromNumber, KwikError, type proto } from '@kwik/wire';
import type { CloseInfo } from '../../api/session.js';

const MAX_REASON_CHARACTERS = 200;

/** What the peers are told of the end. */
export function closeOf({ code, reason, error }: CloseInfo): KcpBody {
  const value = { code, reason: reason.slice(0, MAX_REASON_CHARACTERS), error: error !== undefined };
  return { $case: 'close', value };
}

/** The end as the peer told it. */
export function endByPeer({ code, reason, error }: proto.Close): CloseInfo {
  const end = { by: 'peer', code, reason } as const;
  return error ? { ...end, error: new KwikError(errorCodeFromNumber(code), reason) } : end;
}
