import type { ErrorCode } from '../errors/error-table.js';
import { KwikError } from '../errors/kwik-error.js';

/** What a decoder may say of what a peer sent. */
export const PEER_CODES: readonly ErrorCode[] = [
  'ERR_KWIK_INVALID_FRAME',
  'ERR_KWIK_INVALID_PACKET',
  'ERR_KWIK_INVALID_MESSAGE',
  'ERR_KWIK_CHECKSUM_MISMATCH',
  'ERR_KWIK_PACKET_TOO_LARGE',
];

export type Outcome<T> = { readonly value: T } | { readonly code: ErrorCode };

/** The value, or the code of the KwikError; anything else that is thrown fails the test. */
export function outcomeOf<T>(run: () => T): Outcome<T> {
  try {
    return { value: run() };
  } catch (error) {
    if (error instanceof KwikError) return { code: error.code };
    throw new Error(`not a KwikError: ${String(error)}`, { cause: error });
  }
}

/** The KwikError that `run` throws. */
export function kwikErrorOf(run: () => unknown): KwikError {
  try {
    run();
  } catch (error) {
    if (error instanceof KwikError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

export function codeOf(run: () => unknown): ErrorCode {
  return kwikErrorOf(run).code;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Hexadecimal digits, with spaces where they help the eye. */
export function fromHex(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits.replace(/\s/g, ''), 'hex'));
}
