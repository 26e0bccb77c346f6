import { KwikError } from '@kwik/wire';
import { RESET_CODES, systemCodeOf, transferError } from '../errors.js';

/** Why reading or writing has failed. */
export function inNodesWords(error: unknown, syscall: 'read' | 'write'): Error {
  const isStop = error instanceof KwikError && error.code === 'ERR_KWIK_STREAM_STOPPED';
  if (!isStop) return transferError(systemCodeOf(error) ?? 'ECONNRESET', syscall, error);
  // A reset shows at both directions at once, and over TCP it is the reader who tells of it.
  if (error.applicationCode === RESET_CODES.reset) return transferError('ECONNRESET', 'read', error);
  // A peer that reads no more is a broken pipe to who writes.
  return transferError('EPIPE', syscall, error);
}
