import { CONTROL_LIMITS, KwikError } from '@kwik/wire';
import type { ByteStream } from '@kwik/session/socket';
import { RESET_CODES } from '../errors.js';

/**
 * How a stream of a session becomes a connection. The client's request is one byte of version, one byte that says how many
 * bytes of parameters follow (none yet; a server skips those that it does not know), and these. The server's answer is its
 * version; what the application sends follows. A server that does not take the connection resets the stream instead.
 *
 * The answer costs the round trip that TCP's handshake costs, and makes `connect` mean the same: the server is there, and
 * has taken this very connection. Without it a client would write into a session whose server has gone, or stopped to listen.
 */
const VERSION = 1;
const REQUEST = Uint8Array.of(VERSION, 0);
const HEAD_BYTES = 2;
const ANSWER = Uint8Array.of(VERSION);
/** Two bytes that the client sends first; they may have to be sent again. */
const REQUEST_TIMEOUT_MS = 15_000;

/** What a client sends for one connection: the request, and what of the application's goes with it. */
export class ConnectionRequest {
  readonly #firstBytes: ((most: number) => Uint8Array) | undefined;
  #bytes: Uint8Array | undefined;

  /** `firstBytes`: takes the application's first bytes, when the request is about to go. Default: none go with it. */
  constructor(firstBytes?: (most: number) => Uint8Array) {
    this.#firstBytes = firstBytes;
  }

  /** The same each time, and few enough for a hello. Nobody may change them. */
  get bytes(): Uint8Array {
    const most = CONTROL_LIMITS.earlyBytes - REQUEST.length;
    return (this.#bytes ??= Buffer.concat([REQUEST, this.#firstBytes?.(most) ?? new Uint8Array(0)]));
  }
}

/**
 * The client's part; `sent`: the stream begins with the request already. Resolves, with the application's bytes that have come,
 * when the server has taken it.
 */
export async function requestConnection(
  stream: ByteStream,
  request: ConnectionRequest,
  { sent, signal }: { readonly sent: boolean; readonly signal: AbortSignal },
): Promise<Buffer> {
  if (!sent) await stream.write(Uint8Array.from(request.bytes), signal);
  const answer = await stream.read();
  if (answer?.[0] === VERSION) return answer.subarray(ANSWER.length);
  signal.throwIfAborted();
  throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', 'what was connected to serves no sockets (@kwik/socket)');
}

/**
 * The server's part: reads the request. Rejects, after a reset, when it is none, or not there in time; resolves with what came
 * behind it.
 */
export async function readRequest(stream: ByteStream, timeoutMs = REQUEST_TIMEOUT_MS): Promise<Buffer> {
  const timer = setTimeout(() => resetStream(stream, RESET_CODES.unsupported), timeoutMs);
  timer.unref();
  try {
    return await requestOf(stream);
  } finally {
    clearTimeout(timer);
  }
}

async function requestOf(stream: ByteStream): Promise<Buffer> {
  let came: Buffer = Buffer.alloc(0);
  for (;;) {
    const more = await stream.read();
    if (more !== null) came = Buffer.concat([came, more]);
    const [version, length] = came;
    if (version !== undefined && version !== VERSION) break;
    if (length !== undefined && came.length >= HEAD_BYTES + length) return came.subarray(HEAD_BYTES + length);
    if (more === null) break;
  }
  resetStream(stream, RESET_CODES.unsupported);
  throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', 'a stream of a client that is no socket');
}

/** The server has taken the connection. */
export function answerRequest(stream: ByteStream, signal: AbortSignal): Promise<void> {
  return stream.write(Uint8Array.from(ANSWER), signal);
}

/** Both directions at once. */
export function resetStream(stream: ByteStream, code: number): void {
  stream.reset(code);
  stream.stopSending(code);
}
