/** Where an error belongs: what failed, and so what is still usable. */
export type ErrorScope = 'local' | 'peer' | 'path' | 'session';

interface ErrorEntry {
  /** Number on the wire; never reused. */
  readonly number: number;
  readonly scope: ErrorScope;
  /** One line, in the words of a user. */
  readonly summary: string;
}

/** The closed table of errors. Add at the end of a group; never renumber. */
export const ERROR_TABLE = {
  ERR_KWIK_NO_ERROR: { number: 0x00, scope: 'session', summary: 'Closed without an error.' },
  ERR_KWIK_INTERNAL: { number: 0x01, scope: 'local', summary: 'A broken invariant in KWIK itself; please report it.' },
  ERR_KWIK_INVALID_ARGUMENT: {
    number: 0x02,
    scope: 'local',
    summary: 'An argument is not usable; the message names it.',
  },
  ERR_KWIK_INVALID_STATE: {
    number: 0x03,
    scope: 'local',
    summary: 'The operation does not fit the state of the object.',
  },
  ERR_KWIK_ABORTED: { number: 0x04, scope: 'local', summary: 'The caller aborted the operation.' },
  ERR_KWIK_TIMEOUT: { number: 0x05, scope: 'local', summary: 'No answer within the time allowed.' },
  ERR_KWIK_LIMIT_EXCEEDED: { number: 0x06, scope: 'local', summary: 'A bound was reached; the message names it.' },
  ERR_KWIK_UNSUPPORTED: { number: 0x07, scope: 'peer', summary: 'The peer does not offer this capability.' },
  ERR_KWIK_LOCAL_FILE: {
    number: 0x08,
    scope: 'local',
    summary: 'A file or folder of this machine could not be used; the message says why.',
  },

  ERR_KWIK_INVALID_FRAME: { number: 0x10, scope: 'peer', summary: 'A frame could not be decoded or breaks a rule.' },
  ERR_KWIK_INVALID_PACKET: { number: 0x11, scope: 'peer', summary: 'A packet could not be decoded or breaks a rule.' },
  ERR_KWIK_INVALID_MESSAGE: {
    number: 0x12,
    scope: 'peer',
    summary: 'A control message could not be decoded or breaks a rule.',
  },
  ERR_KWIK_CHECKSUM_MISMATCH: { number: 0x13, scope: 'peer', summary: "A packet's checksum does not match its bytes." },
  ERR_KWIK_PACKET_TOO_LARGE: { number: 0x14, scope: 'peer', summary: 'A packet or message is larger than agreed.' },
  ERR_KWIK_FLOW_CONTROL: { number: 0x15, scope: 'peer', summary: 'More was sent than the receiver allowed.' },
  ERR_KWIK_OFFSET_MISMATCH: {
    number: 0x16,
    scope: 'peer',
    summary: 'Data at an offset disagrees with what was there, or with the final size.',
  },
  ERR_KWIK_PROTOCOL_VIOLATION: {
    number: 0x17,
    scope: 'peer',
    summary: 'The peer broke the protocol; the message says how.',
  },
  ERR_KWIK_VERSION_MISMATCH: {
    number: 0x18,
    scope: 'peer',
    summary: 'The two ends have no protocol version in common.',
  },
  ERR_KWIK_EXCESSIVE_LOAD: {
    number: 0x19,
    scope: 'peer',
    summary: 'The peer costs far more memory or processor time than what it sends explains.',
  },

  ERR_KWIK_AUTH_FAILED: { number: 0x20, scope: 'session', summary: 'Authentication was refused.' },
  ERR_KWIK_TOKEN_INVALID: {
    number: 0x21,
    scope: 'path',
    summary: 'A path token or content grant cannot be used; the message says why.',
  },
  ERR_KWIK_TOKEN_EXPIRED: { number: 0x22, scope: 'path', summary: 'A path token is past its time, or not yet valid.' },
  ERR_KWIK_TOKEN_REPLAYED: { number: 0x23, scope: 'path', summary: 'A path token was used before.' },
  ERR_KWIK_TOKEN_WRONG_SERVER: { number: 0x24, scope: 'path', summary: 'A path token names another server.' },
  ERR_KWIK_PROOF_INVALID: {
    number: 0x25,
    scope: 'path',
    summary: 'Who joins, or who answers a join, does not hold the session.',
  },
  ERR_KWIK_PERMISSION_DENIED: { number: 0x26, scope: 'peer', summary: 'The peer may not do this.' },
  ERR_KWIK_CERTIFICATE: {
    number: 0x27,
    scope: 'path',
    summary: "The server's certificate was refused; the message says why.",
  },
  ERR_KWIK_CREDENTIALS: {
    number: 0x28,
    scope: 'local',
    summary: 'Key, certificate or authority given to KWIK cannot be used.',
  },
  ERR_KWIK_TOKEN_FORGED: { number: 0x29, scope: 'path', summary: "A path token's signature is wrong." },
  ERR_KWIK_TOKEN_UNTRUSTED: { number: 0x2a, scope: 'path', summary: 'Nobody trusted has signed the path token.' },
  ERR_KWIK_TOKEN_WRONG_SESSION: {
    number: 0x2b,
    scope: 'path',
    summary: 'A path token is for another session or path.',
  },

  ERR_KWIK_PATH_DEAD: { number: 0x30, scope: 'path', summary: 'The path is dead.' },
  ERR_KWIK_PATH_NOT_FOUND: { number: 0x31, scope: 'path', summary: 'No path of this number in the session.' },
  ERR_KWIK_PATH_REMOVED: { number: 0x32, scope: 'path', summary: 'The path was removed.' },
  ERR_KWIK_CONNECT_FAILED: {
    number: 0x33,
    scope: 'path',
    summary: 'No connection to the server; the message says why.',
  },
  ERR_KWIK_CONNECTION_REFUSED: {
    number: 0x34,
    scope: 'path',
    summary: 'The server is full or does not accept connections.',
  },
  ERR_KWIK_IDLE_TIMEOUT: { number: 0x35, scope: 'path', summary: 'Nothing was heard for the idle timeout.' },
  ERR_KWIK_NO_PATH: { number: 0x36, scope: 'session', summary: 'No usable path is left.' },

  ERR_KWIK_STREAM_CREATE_FAILED: { number: 0x40, scope: 'session', summary: 'The stream could not be opened.' },
  ERR_KWIK_STREAM_LIMIT: {
    number: 0x41,
    scope: 'session',
    summary: 'No stream credit is left; wait, or close streams.',
  },
  ERR_KWIK_STREAM_RESET: { number: 0x42, scope: 'session', summary: 'The peer reset the stream.' },
  ERR_KWIK_STREAM_STOPPED: { number: 0x43, scope: 'session', summary: 'The peer stopped reading the stream.' },
  ERR_KWIK_STREAM_CLOSED: { number: 0x44, scope: 'local', summary: 'The stream is closed for this operation.' },
  ERR_KWIK_SESSION_CLOSED: { number: 0x45, scope: 'session', summary: 'The session is closed.' },
  ERR_KWIK_SESSION_NOT_FOUND: { number: 0x46, scope: 'session', summary: 'The server knows no such session.' },

  ERR_KWIK_SOURCE_NOT_FOUND: { number: 0x50, scope: 'peer', summary: 'The server has no content under this key.' },
  ERR_KWIK_SOURCE_FAILED: {
    number: 0x51,
    scope: 'peer',
    summary: 'A content source failed or is shorter than promised.',
  },
  ERR_KWIK_DIGEST_MISMATCH: {
    number: 0x52,
    scope: 'peer',
    summary: 'Content does not match the digest of the primary.',
  },
  ERR_KWIK_SERVER_UNTRUSTED: {
    number: 0x53,
    scope: 'path',
    summary: 'The server sent wrong content and is no longer used.',
  },
  ERR_KWIK_CONTENT_UNAVAILABLE: {
    number: 0x54,
    scope: 'session',
    summary: 'No server of the session can supply the content.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERROR_TABLE;

const BY_NUMBER: ReadonlyMap<number, ErrorCode> = new Map(
  Object.entries(ERROR_TABLE).map(([code, entry]) => [entry.number, code as ErrorCode]),
);

/** The code of a number that a peer sent; numbers of newer versions read as a protocol violation. */
export function errorCodeFromNumber(number: number): ErrorCode {
  return BY_NUMBER.get(number) ?? 'ERR_KWIK_PROTOCOL_VIOLATION';
}
