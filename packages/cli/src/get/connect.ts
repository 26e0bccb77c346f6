import type { ClientTrust, Session } from '@kwik/session';
import { KwikError, type Discovery, type ServerTrust } from '@kwik/wire';
import { errnoOf, inOptionNames, reportError } from '../errors.js';
import type { Network } from '../io.js';
import type { EarlyRequest } from './early-request.js';

export interface ConnectOptions {
  /** `host:port` or `kwik:NAME`, the preferred one first; the others are for when it cannot be reached. */
  readonly servers: readonly string[];
  readonly trust?: ClientTrust;
  /** Finds the servers of `kwik:NAME`. */
  readonly discovery?: Discovery;
  /** Which further servers are used, by what they did. */
  readonly scores?: ServerTrust;
  /** What each is asked with the hello. */
  readonly early?: EarlyRequest;
  /** For each server. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** A server could not be reached and the next is tried. */
  readonly onFallback?: (line: string) => void;
}

export interface Connected {
  readonly session: Session;
  readonly server: string;
}

/** A server that is gone for longer is connected to anew, and the file resumed: that starts with other servers as well. */
const RECOVERY_MS = 3000;

/** Dials the first server that can be reached. The error is that of the first, which the user asked for. */
export async function connect(network: Network, options: ConnectOptions): Promise<Connected> {
  const { servers, trust, discovery, scores, early, timeoutMs, signal } = options;
  let first: KwikError | undefined;
  for (const [index, server] of servers.entries()) {
    try {
      const session = await network.dial(server, {
        signal,
        timeouts: { dialMs: timeoutMs, recoveryMs: RECOVERY_MS },
        ...(trust === undefined ? {} : { trust }),
        ...(discovery === undefined ? {} : { discovery }),
        ...(early === undefined ? {} : { early: { data: early.bytes, end: true } }),
        ...(scores === undefined ? {} : { guard: { servers: scores } }),
      });
      early?.opened(session);
      return { session, server };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const explained = explainDialError(server, error);
      first ??= explained;
      const next = servers[index + 1];
      if (next !== undefined) options.onFallback?.(`${reportError(explained).message}; trying ${next}`);
    }
  }
  throw first ?? new KwikError('ERR_KWIK_INVALID_ARGUMENT', 'no server to dial');
}

/** The session says what happened; a user also wants to know what to do, in the words of the command line. */
export function explainDialError(server: string, error: unknown): KwikError {
  const known = KwikError.from(error, 'ERR_KWIK_CONNECT_FAILED');
  const reason = withAuthorityOptions(inOptionNames(known.message));
  // Said once is enough.
  const where = reason.includes(server) ? '' : `cannot connect to ${server}: `;
  const hint = hintFor(known, server);
  return new KwikError(known.code, `${where}${reason}${hint === '' ? '' : `; ${hint}`}`, { cause: error });
}

function hintFor(error: KwikError, server: string): string {
  switch (error.code) {
    case 'ERR_KWIK_TIMEOUT':
    case 'ERR_KWIK_CONNECT_FAILED':
    case 'ERR_KWIK_IDLE_TIMEOUT':
      if (server.startsWith('kwik:')) {
        return `'kwik servers ${server.slice('kwik:'.length)}' shows what is known of them; do they run, and does UDP get there?`;
      }
      // A name that is not known is no matter of what runs there.
      return [undefined, 'ECONNREFUSED'].includes(errnoOf(error.cause))
        ? `is 'kwik serve' running at ${server}, and does UDP get there?`
        : '';
    case 'ERR_KWIK_CONNECTION_REFUSED':
      return 'try again later';
    case 'ERR_KWIK_VERSION_MISMATCH':
      return 'update the older of the two';
    default:
      return '';
  }
}

/** What the session says when it is the authority that is not trusted; names, dates and pins have advice of their own. */
const AUTHORITY_ADVICE = 'give the authority that issued it, or check';
const DEVELOPMENT_AUTHORITY = 'KWIK development authority';

function withAuthorityOptions(message: string): string {
  const advice = message.includes(DEVELOPMENT_AUTHORITY)
    ? 'if the server runs for another user, or with another KWIK_DATA_DIR, give the dev-authority/ca.pem of its data folder with --ca; else check'
    : "give the authority that issued it with --ca FILE, or the key's SHA-256 with --pin, or check";
  return message.replace(AUTHORITY_ADVICE, advice);
}
