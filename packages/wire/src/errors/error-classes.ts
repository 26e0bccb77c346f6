import type { ErrorCode } from './error-table.js';

/** What kind of thing went wrong. Each code is of one class; what follows from it is the same for all codes of a class. */
export type ErrorClass =
  /** Nothing went wrong: somebody wanted it so. */
  | 'intended'
  /** The network, or a process, for a while. */
  | 'transient'
  /** There is no room at the moment: it comes as what is under way is done. */
  | 'congestion'
  /** The peer does not do what was asked, or breaks the protocol. */
  | 'peer'
  /** The peer is not who it should be, or what it sent is not genuine. */
  | 'trust'
  /** It was refused by a rule that somebody set. */
  | 'policy'
  /** A bound was met, or nothing is left. */
  | 'exhausted'
  /** This end: the program, how it was set up, or KWIK. */
  | 'bug';

/**
 * What to do about an error of a class: `none`; `retry` the same after a wait that grows; `wait` for room, and then the same;
 * ask `elsewhere`, and this peer no more; `later` or elsewhere, and with less; `end`: the same would fail again.
 */
export type ErrorAnswer = 'none' | 'retry' | 'wait' | 'elsewhere' | 'later' | 'end';

interface ClassEntry {
  readonly answer: ErrorAnswer;
  /** The operator is to hear of it: it does not mend itself. */
  readonly tell: boolean;
  /** One line, in the words of a user. */
  readonly meaning: string;
}

export const ERROR_CLASSES = {
  intended: { answer: 'none', tell: false, meaning: 'Somebody ended it, or gave it up, on purpose.' },
  transient: {
    answer: 'retry',
    tell: false,
    meaning:
      'The network or a process failed for a while: again after a wait that grows, and by another way meanwhile.',
  },
  congestion: { answer: 'wait', tell: false, meaning: 'No room now: it comes as what is under way is done.' },
  peer: {
    answer: 'elsewhere',
    tell: true,
    meaning: 'The peer cannot do it, or broke the protocol: ask another server.',
  },
  trust: {
    answer: 'elsewhere',
    tell: true,
    meaning: 'The peer is not who it should be, or what it sent is not genuine: use another server.',
  },
  policy: { answer: 'end', tell: false, meaning: 'A rule says no, and says so again until somebody changes it.' },
  exhausted: {
    answer: 'later',
    tell: true,
    meaning: 'A bound was met, or nothing is left: later, elsewhere, or with less.',
  },
  bug: {
    answer: 'end',
    tell: true,
    meaning: 'The program, its set-up or KWIK is wrong: mend it, the same fails again.',
  },
} as const satisfies Record<ErrorClass, ClassEntry>;

/** The class of each code of the closed table. */
const CLASS_OF: Readonly<Record<ErrorCode, ErrorClass>> = {
  ERR_KWIK_NO_ERROR: 'intended',
  ERR_KWIK_INTERNAL: 'bug',
  ERR_KWIK_INVALID_ARGUMENT: 'bug',
  ERR_KWIK_INVALID_STATE: 'bug',
  ERR_KWIK_ABORTED: 'intended',
  ERR_KWIK_TIMEOUT: 'transient',
  ERR_KWIK_LIMIT_EXCEEDED: 'exhausted',
  ERR_KWIK_UNSUPPORTED: 'peer',
  ERR_KWIK_LOCAL_FILE: 'bug',

  ERR_KWIK_INVALID_FRAME: 'peer',
  ERR_KWIK_INVALID_PACKET: 'peer',
  ERR_KWIK_INVALID_MESSAGE: 'peer',
  ERR_KWIK_CHECKSUM_MISMATCH: 'peer',
  ERR_KWIK_PACKET_TOO_LARGE: 'peer',
  ERR_KWIK_FLOW_CONTROL: 'peer',
  ERR_KWIK_OFFSET_MISMATCH: 'trust',
  ERR_KWIK_PROTOCOL_VIOLATION: 'peer',
  ERR_KWIK_VERSION_MISMATCH: 'peer',
  ERR_KWIK_EXCESSIVE_LOAD: 'peer',

  ERR_KWIK_AUTH_FAILED: 'policy',
  ERR_KWIK_TOKEN_INVALID: 'trust',
  ERR_KWIK_TOKEN_EXPIRED: 'trust',
  ERR_KWIK_TOKEN_REPLAYED: 'trust',
  ERR_KWIK_TOKEN_WRONG_SERVER: 'trust',
  ERR_KWIK_PROOF_INVALID: 'trust',
  ERR_KWIK_PERMISSION_DENIED: 'policy',
  ERR_KWIK_CERTIFICATE: 'trust',
  ERR_KWIK_CREDENTIALS: 'bug',
  ERR_KWIK_TOKEN_FORGED: 'trust',
  ERR_KWIK_TOKEN_UNTRUSTED: 'trust',
  ERR_KWIK_TOKEN_WRONG_SESSION: 'trust',

  ERR_KWIK_PATH_DEAD: 'transient',
  ERR_KWIK_PATH_NOT_FOUND: 'bug',
  ERR_KWIK_PATH_REMOVED: 'intended',
  ERR_KWIK_CONNECT_FAILED: 'transient',
  ERR_KWIK_CONNECTION_REFUSED: 'exhausted',
  ERR_KWIK_IDLE_TIMEOUT: 'transient',
  ERR_KWIK_NO_PATH: 'transient',

  ERR_KWIK_STREAM_CREATE_FAILED: 'transient',
  ERR_KWIK_STREAM_LIMIT: 'congestion',
  ERR_KWIK_STREAM_RESET: 'intended',
  ERR_KWIK_STREAM_STOPPED: 'intended',
  ERR_KWIK_STREAM_CLOSED: 'bug',
  ERR_KWIK_SESSION_CLOSED: 'intended',
  ERR_KWIK_SESSION_NOT_FOUND: 'transient',

  ERR_KWIK_SOURCE_NOT_FOUND: 'peer',
  ERR_KWIK_SOURCE_FAILED: 'peer',
  ERR_KWIK_DIGEST_MISMATCH: 'trust',
  ERR_KWIK_SERVER_UNTRUSTED: 'trust',
  ERR_KWIK_CONTENT_UNAVAILABLE: 'exhausted',
};

export function errorClassOf(code: ErrorCode): ErrorClass {
  return CLASS_OF[code];
}
