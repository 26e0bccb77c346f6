import { systemCodeOf, transferError } from '../errors.js';

/** Why reading or writing has failed. A peer that reads no more is a broken pipe to who writes. */
export function inNodesWords(error: unknown, syscall: 'read' | 'write'): Error {
  const stopped = (error as { code?: unknown }).code === 'ERR_KWIK_STREAM_STOPPED';
  const code = stopped ? 'EPIPE' : (systemCodeOf(error) ?? 'ECONNRESET');
  return transferError(code, syscall, error);
}
