import { errorCodeFromNumber, type ErrorCode, type KwikError, type TransportCloseInfo } from '@kwik/wire';

/** Deaths that say something about the network or about one process, and nothing about the session. */
const RECOVERABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_KWIK_PATH_DEAD',
  'ERR_KWIK_IDLE_TIMEOUT',
  'ERR_KWIK_CONNECT_FAILED',
  'ERR_KWIK_CONNECTION_REFUSED',
  'ERR_KWIK_TIMEOUT',
]);

/** Somebody answered who is not the server that was dialled; that one may still come back. */
const IMPOSTOR: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['ERR_KWIK_CERTIFICATE', 'ERR_KWIK_PROOF_INVALID']);

/** Whether connecting again may help. A peer that broke the rules would do so again. */
export function isRecoverable(error: KwikError): boolean {
  return RECOVERABLE.has(error.code) || isImpostor(error);
}

/** Whether the handshake failed because another server than the one of before answered. */
export function isImpostor(error: KwikError): boolean {
  return IMPOSTOR.has(error.code);
}

/** Deaths by which a peer showed that it does not keep to the rules. */
const MISCONDUCT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_KWIK_PROTOCOL_VIOLATION',
  'ERR_KWIK_EXCESSIVE_LOAD',
  'ERR_KWIK_INVALID_FRAME',
  'ERR_KWIK_INVALID_PACKET',
  'ERR_KWIK_INVALID_MESSAGE',
  'ERR_KWIK_FLOW_CONTROL',
  'ERR_KWIK_OFFSET_MISMATCH',
  'ERR_KWIK_SERVER_UNTRUSTED',
]);

/** Whether a server whose path died of this is not to be connected again in this session. */
export function isMisconduct(code: ErrorCode | undefined): boolean {
  return code !== undefined && MISCONDUCT.has(code);
}

/** Deaths that tell of a peer which breaks rules or lies, but may be met by an honest one after an error of its own. */
const FURTHER_VIOLATIONS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_KWIK_CHECKSUM_MISMATCH',
  'ERR_KWIK_PACKET_TOO_LARGE',
  'ERR_KWIK_PERMISSION_DENIED',
  'ERR_KWIK_DIGEST_MISMATCH',
]);

/** Whether an operator is to be told of it as a violation. */
export function isViolation(code: ErrorCode): boolean {
  return isMisconduct(code) || FURTHER_VIOLATIONS.has(code);
}

/** What the peer's code says, where it says something: a peer that just went away is a dead path. */
export function codeOfClose(info: TransportCloseInfo): ErrorCode {
  if (info.by === 'idle') return 'ERR_KWIK_IDLE_TIMEOUT';
  const code = info.by === 'peer' ? errorCodeFromNumber(info.code) : 'ERR_KWIK_NO_ERROR';
  return code === 'ERR_KWIK_NO_ERROR' ? 'ERR_KWIK_PATH_DEAD' : code;
}
