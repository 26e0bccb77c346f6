import type { Session, Stream } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import type { HostPort } from '../address.js';
import { ByteReader } from '../protocol/byte-reader.js';
import { errorOf } from '../protocol/failures.js';
import { encodeMessage, readMessage } from '../protocol/framing.js';
import {
  connectAnswerSchema,
  type ConnectRequest,
  type ConnectUdpRequest,
  PROTOCOL_VERSION,
} from '../protocol/messages.js';
import { nameOfTarget } from './forward-spec.js';

/** More than the server takes for a connect. */
const ANSWER_TIMEOUT_MS = 15_000;
const RESET_GIVEN_UP = 0;

/** A connection that the server has made, on a stream of its own. */
export interface RemoteConnection {
  readonly stream: Stream;
  /** Where its bytes are read from. */
  readonly reader: ByteReader;
}

/** As `askThrough`, by TCP. */
export function connectThrough(
  session: Session,
  { host, port }: HostPort,
  signal: AbortSignal,
): Promise<RemoteConnection> {
  return askThrough(session, { op: 'connect', host, port }, signal);
}

/**
 * Has the server connect to what is asked for. Rejects with ERR_KWIK_PERMISSION_DENIED when it is not allowed, with
 * ERR_KWIK_SOURCE_FAILED when the server cannot reach it.
 */
export async function askThrough(
  session: Session,
  asked: Omit<ConnectRequest, 'v'> | Omit<ConnectUdpRequest, 'v'>,
  signal: AbortSignal,
): Promise<RemoteConnection> {
  const late = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  const limited = AbortSignal.any([signal, late]);
  const stream = await session.openStreamWhenReady({ signal: limited });
  const name = nameOfTarget(asked);
  try {
    const reader = new ByteReader(stream);
    await stream.write(encodeMessage({ v: PROTOCOL_VERSION, ...asked }), { signal: limited });
    const answer = await readMessage(reader, connectAnswerSchema, 'the answer', limited);
    if (answer === null) throw new KwikError('ERR_KWIK_SESSION_CLOSED', 'the server has ended the stream');
    if (!answer.ok) throw errorOf(answer, name);
    return { stream, reader };
  } catch (error) {
    stream.reset(RESET_GIVEN_UP);
    stream.stopSending(RESET_GIVEN_UP);
    if (late.aborted) throw new KwikError('ERR_KWIK_TIMEOUT', `${name}: no answer from the server`, { cause: error });
    throw error;
  }
}
