import { KwikError, type ErrorCode } from '@kwik/wire';
import { reportError } from '../errors.js';
import { oneLine } from '../ui/text.js';
import { FAILURE_CODES, type Failure, type FailureCode } from './messages.js';

const MAX_MESSAGE_CHARACTERS = 300;

const TO_FAILURE: Partial<Record<ErrorCode, FailureCode>> = {
  ERR_KWIK_SOURCE_NOT_FOUND: 'not-found',
  ERR_KWIK_PERMISSION_DENIED: 'forbidden',
  ERR_KWIK_SOURCE_FAILED: 'changed',
  ERR_KWIK_INVALID_MESSAGE: 'bad-request',
  ERR_KWIK_PACKET_TOO_LARGE: 'bad-request',
  ERR_KWIK_UNSUPPORTED: 'unsupported',
  ERR_KWIK_LIMIT_EXCEEDED: 'unavailable',
  ERR_KWIK_CONNECT_FAILED: 'unavailable',
};

const FROM_FAILURE: Record<FailureCode, ErrorCode> = {
  'bad-request': 'ERR_KWIK_PROTOCOL_VIOLATION',
  unsupported: 'ERR_KWIK_UNSUPPORTED',
  'not-found': 'ERR_KWIK_SOURCE_NOT_FOUND',
  forbidden: 'ERR_KWIK_PERMISSION_DENIED',
  changed: 'ERR_KWIK_SOURCE_FAILED',
  unavailable: 'ERR_KWIK_SOURCE_FAILED',
};

/** What a client is told. Errors that are not meant for it say no more than that the server failed. */
export function failureOf(error: unknown): Failure {
  const code = error instanceof KwikError ? TO_FAILURE[error.code] : undefined;
  if (code === undefined) return { ok: false, code: 'unavailable', message: 'the server could not answer' };
  return { ok: false, code, message: oneLine(reportError(error).message, MAX_MESSAGE_CHARACTERS) };
}

/** The error that a server's refusal is to its client. `what` is what was asked for. */
export function errorOf(failure: Failure, what: string): KwikError {
  const known = FAILURE_CODES.find((code) => code === failure.code);
  const code = known === undefined ? 'ERR_KWIK_UNSUPPORTED' : FROM_FAILURE[known];
  return new KwikError(code, `${what}: ${oneLine(failure.message, MAX_MESSAGE_CHARACTERS)}`);
}
