import type { ErrorCode } from '@kwik/wire';

/** What the process ends with. Printed by `kwik --help` and in the README; scripts rely on them. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  connection: 4,
  integrity: 5,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_CODE_HELP = `Exit status:
  0    done
  1    failed for another reason (disk full, file exists, some of several files failed)
  2    wrong usage
  3    the server has no such file, or does not serve it
  4    no connection: nobody answers, certificate refused, not authorised
  5    the content does not match its digest
  130  interrupted with Ctrl-C (143: terminated)`;

const BY_CODE: Partial<Record<ErrorCode, ExitCode>> = {
  ERR_KWIK_NO_ERROR: EXIT.ok,
  ERR_KWIK_INVALID_ARGUMENT: EXIT.usage,
  ERR_KWIK_ABORTED: EXIT.interrupted,

  ERR_KWIK_SOURCE_NOT_FOUND: EXIT.notFound,
  ERR_KWIK_PERMISSION_DENIED: EXIT.notFound,

  ERR_KWIK_TIMEOUT: EXIT.connection,
  ERR_KWIK_VERSION_MISMATCH: EXIT.connection,
  ERR_KWIK_AUTH_FAILED: EXIT.connection,
  ERR_KWIK_TOKEN_INVALID: EXIT.connection,
  ERR_KWIK_TOKEN_FORGED: EXIT.connection,
  ERR_KWIK_TOKEN_UNTRUSTED: EXIT.connection,
  ERR_KWIK_TOKEN_WRONG_SESSION: EXIT.connection,
  ERR_KWIK_TOKEN_EXPIRED: EXIT.connection,
  ERR_KWIK_TOKEN_REPLAYED: EXIT.connection,
  ERR_KWIK_TOKEN_WRONG_SERVER: EXIT.connection,
  ERR_KWIK_PROOF_INVALID: EXIT.connection,
  ERR_KWIK_CERTIFICATE: EXIT.connection,
  ERR_KWIK_CREDENTIALS: EXIT.connection,
  ERR_KWIK_PATH_DEAD: EXIT.connection,
  ERR_KWIK_CONNECT_FAILED: EXIT.connection,
  ERR_KWIK_CONNECTION_REFUSED: EXIT.connection,
  ERR_KWIK_IDLE_TIMEOUT: EXIT.connection,
  ERR_KWIK_NO_PATH: EXIT.connection,
  ERR_KWIK_SESSION_CLOSED: EXIT.connection,
  ERR_KWIK_SESSION_NOT_FOUND: EXIT.connection,
  ERR_KWIK_CONTENT_UNAVAILABLE: EXIT.connection,

  ERR_KWIK_CHECKSUM_MISMATCH: EXIT.integrity,
  ERR_KWIK_DIGEST_MISMATCH: EXIT.integrity,
  ERR_KWIK_SERVER_UNTRUSTED: EXIT.integrity,
};

export function exitCodeOf(code: ErrorCode): ExitCode {
  return BY_CODE[code] ?? EXIT.failed;
}
