import { KwikError, type ErrorCode } from '@kwik/wire';
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.js';
import { oneLine } from './ui/text.js';

export interface ErrorReport {
  readonly code: string;
  /** One line, safe to print. */
  readonly message: string;
  readonly exitCode: ExitCode;
}

/** What a person should read for the system errors that users meet. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EBADF: 'it is not open',
  EADDRINUSE: 'the address is in use; choose another port, or 0 for any',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'it exists already',
  EISDIR: 'it is a folder',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'no such file or folder',
  ENOSPC: 'no space is left on the disk',
  ENOTDIR: 'a part of the path is not a folder',
  ENOTFOUND: 'the host name is not known',
  EPIPE: 'whoever read the output has stopped reading',
  EPERM: 'not permitted',
  EROFS: 'the disk is read-only',
};

export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** A local file or folder could not be used: says which, and why in words. */
export function fileError(what: string, path: string, error: unknown): KwikError {
  if (error instanceof KwikError) return error;
  return new KwikError('ERR_KWIK_LOCAL_FILE', `cannot ${what} ${path}: ${systemReason(error)}`, { cause: error });
}

/** What the session calls by its options, a user of the command knows by others. */
const OPTION_NAMES: readonly (readonly [api: string, command: string])[] = [
  ['trust.ca (PEM) or trust.pins', '--ca FILE (its authority, PEM) or --pin (SHA-256 of its key)'],
  ['takes credentials: give cert and key (PEM)', 'takes credentials: give --cert FILE and --key FILE (PEM)'],
  ['certPem', 'the --cert file'],
  ['keyPem', 'the --key file'],
  ['trust.ca', 'the --ca file'],
];

export function inOptionNames(message: string): string {
  return OPTION_NAMES.reduce((text, [api, command]) => text.replaceAll(api, command), message);
}

export function usageError(message: string): KwikError {
  return new KwikError('ERR_KWIK_INVALID_ARGUMENT', message);
}

/** Turns whatever was thrown into one line, a stable code and an exit status. */
export function reportError(error: unknown): ErrorReport {
  if (error instanceof KwikError) {
    const reason = error.message === '' ? error.code : error.message;
    return { code: error.code, message: oneLine(inOptionNames(reason)), exitCode: exitCodeOf(error.code) };
  }
  return { code: errnoOf(error) ?? 'ERR_KWIK_INTERNAL', message: oneLine(systemReason(error)), exitCode: EXIT.failed };
}

/** Whether another server, or a second try, may do better. */
export function isConnectionFailure(error: unknown): boolean {
  return error instanceof KwikError && exitCodeOf(error.code) === EXIT.connection && !NEVER_RETRIED.has(error.code);
}

/** The user must change something first. */
const NEVER_RETRIED: ReadonlySet<ErrorCode> = new Set([
  'ERR_KWIK_AUTH_FAILED',
  'ERR_KWIK_CERTIFICATE',
  'ERR_KWIK_CREDENTIALS',
]);

function systemReason(error: unknown): string {
  const known = SYSTEM_ERRORS[errnoOf(error) ?? ''];
  if (known !== undefined) return known;
  return error instanceof Error ? error.message : String(error);
}
