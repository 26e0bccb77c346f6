import { ERROR_TABLE, KwikError, errorCodeFromNumber, proto, type ErrorCode, type ErrorScope } from '@kwik/wire';

/** As the protocol says of ErrorDetail.reason. */
const MAX_REASON_BYTES = 512;
/** A server that wants to be left alone for longer is believed for an hour. */
const MAX_RETRY_AFTER_MS = 3_600_000;

const SCOPE_NUMBERS: Readonly<Record<ErrorScope, proto.ErrorScope>> = {
  local: proto.ErrorScope.LOCAL,
  peer: proto.ErrorScope.PEER,
  path: proto.ErrorScope.PATH,
  session: proto.ErrorScope.SESSION,
};

/**
 * What a peer is told of an error. Messages of internal errors stay here: they may name files or hold values that are
 * not the peer's business.
 */
export function errorToDetail(error: KwikError, ids: { pathId?: number; streamId?: bigint } = {}): proto.ErrorDetail {
  const reason = error.code === 'ERR_KWIK_INTERNAL' ? ERROR_TABLE[error.code].summary : error.message;
  return {
    code: error.wireNumber,
    scope: SCOPE_NUMBERS[error.scope],
    reason: presentable(reason, MAX_REASON_BYTES),
    pathId: ids.pathId,
    streamId: ids.streamId,
    retryAfterMs: waitOf(error.retryAfterMs),
  };
}

/** The error that a peer reported. Unknown codes read as a protocol violation; the text is made fit for a log line. */
export function errorFromDetail(detail: proto.ErrorDetail): KwikError {
  return errorOfPeer(errorCodeFromNumber(detail.code), detail.reason, detail.retryAfterMs);
}

/** What went wrong at the peer's is never a fault of this end: local codes get the scope `peer`. */
export function errorOfPeer(code: ErrorCode, text: string, retryAfterMs = 0): KwikError {
  const { scope, summary } = ERROR_TABLE[code];
  const reason = presentable(text, MAX_REASON_BYTES);
  const waitMs = waitOf(retryAfterMs);
  return new KwikError(code, reason === '' ? summary : reason, {
    scope: scope === 'local' ? 'peer' : scope,
    ...(waitMs > 0 && { retryAfterMs: waitMs }),
  });
}

/** Whole milliseconds; 0 for what says nothing, such as an application's number that is none. */
function waitOf(retryAfterMs = 0): number {
  return retryAfterMs > 0 ? Math.min(MAX_RETRY_AFTER_MS, Math.ceil(retryAfterMs)) : 0;
}

/** A peer's text on one line, without control characters, cut to `maxBytes` of UTF-8. */
export function presentable(text: string, maxBytes: number): string {
  // Every character takes at least one byte, so the slice bounds the work.
  const line = text.slice(0, maxBytes).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, ' ');
  const bytes = Buffer.from(line, 'utf8');
  if (bytes.length <= maxBytes) return line;
  let end = maxBytes;
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}
