import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { KwikError } from '@kwik/wire';

/** What `node:net` adds to errors of the system; `errno` is negative, as there. */
export interface SystemError extends Error {
  errno: number;
  code: string;
  syscall: string;
  address?: string;
  port?: number;
  localAddress?: string;
  localPort?: number;
}

export interface ErrorPlace {
  readonly address: string;
  readonly port: number;
  /** Where the socket was bound, when the caller asked for an address and a port. */
  readonly local?: { readonly address: string; readonly port: number } | undefined;
}

/** Application codes with which the streams of sockets are reset. The numbers are on the wire. */
export const RESET_CODES = { closed: 0, reset: 1, refused: 2, unsupported: 3 } as const;

/** An error of Node's own, with its `code`. */
export function nodeError<T extends Error>(Base: new (message: string) => T, code: string, message: string): T {
  return Object.assign(new Base(message), { code });
}

/** As `node:net` says that a connection did not come about: `connect ECONNREFUSED 127.0.0.1:80`. */
export function connectError(code: string, { address, port, local }: ErrorPlace, cause?: unknown): SystemError {
  const from = local === undefined ? '' : ` - Local (${local.address}:${local.port})`;
  const error = systemError(code, 'connect', `connect ${code} ${address}:${port}${from}`, cause);
  Object.assign(error, { address, port });
  if (local !== undefined) Object.assign(error, { localAddress: local.address, localPort: local.port });
  return error;
}

/** As `node:net` says that none of several addresses could be connected to. */
export function allRefused(errors: readonly SystemError[]): AggregateError {
  return Object.assign(new AggregateError(errors), { code: errors[0]?.code });
}

/** As `node:net` says that a port cannot be had: `listen EADDRINUSE: address already in use 127.0.0.1:80`. */
export function listenError(code: string, { address, port }: ErrorPlace, cause?: unknown): SystemError {
  const where = port > 0 ? `${address}:${port}` : address;
  const error = systemError(code, 'listen', `listen ${code}: ${describe(code)} ${where}`, cause);
  return Object.assign(error, { address, ...(port > 0 && { port }) });
}

/** As `node:net` says that a local address cannot be had: `bind EADDRNOTAVAIL 10.9.9.9`. */
export function bindError(code: string, { address, port }: ErrorPlace, cause?: unknown): SystemError {
  const error = systemError(code, 'bind', `bind ${code} ${port > 0 ? `${address}:${port}` : address}`, cause);
  return Object.assign(error, { address, ...(port > 0 && { port }) });
}

/** As `node:net` says that reading or writing has failed: `read ECONNRESET`. */
export function transferError(code: string, syscall: 'read' | 'write', cause?: unknown): SystemError {
  return systemError(code, syscall, `${syscall} ${code}`, cause);
}

/** What went wrong in the words of the system; undefined where the system has none, as for certificates. */
export function systemCodeOf(error: unknown): string | undefined {
  const root = rootCode(error);
  if (root !== undefined) return root;
  if (!(error instanceof KwikError)) return undefined;
  switch (error.code) {
    case 'ERR_KWIK_CONNECTION_REFUSED':
      return 'ECONNREFUSED';
    case 'ERR_KWIK_TIMEOUT':
    case 'ERR_KWIK_IDLE_TIMEOUT':
    case 'ERR_KWIK_NO_PATH':
      return 'ETIMEDOUT';
    case 'ERR_KWIK_STREAM_RESET':
      return error.applicationCode === RESET_CODES.refused ? 'ECONNREFUSED' : 'ECONNRESET';
    case 'ERR_KWIK_SESSION_CLOSED':
    case 'ERR_KWIK_SESSION_NOT_FOUND':
    case 'ERR_KWIK_PATH_DEAD':
      return 'ECONNRESET';
    default:
      return undefined;
  }
}

/** An error of the system below what KWIK says of it. */
function rootCode(error: unknown): string | undefined {
  for (let at = error; typeof at === 'object' && at !== null; at = (at as Error).cause) {
    const { code } = at as NodeJS.ErrnoException;
    if (code !== undefined && code in constants.errno) return code;
    if (at instanceof AggregateError) return rootCode(at.errors[0]);
  }
  return undefined;
}

function systemError(code: string, syscall: string, message: string, cause: unknown): SystemError {
  const error = cause === undefined ? new Error(message) : new Error(message, { cause });
  return Object.assign(error, { errno: errnoOf(code), code, syscall });
}

function errnoOf(code: string): number {
  const known: Readonly<Record<string, number>> = constants.errno;
  return -(known[code] ?? 0);
}

function describe(code: string): string {
  return getSystemErrorMap().get(errnoOf(code))?.[1] ?? code;
}
