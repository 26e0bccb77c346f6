import { KwikError } from '@kwik/wire';
import type { z } from 'zod';
import type { ByteReader } from './byte-reader.js';
import { PROTOCOL_VERSION } from './messages.js';

/** Bound of one message. A path of 4,096 bytes fits, a listing is sent in pages; nothing larger is ever needed. */
export const MAX_MESSAGE_BYTES = 16_384;
const LENGTH_BYTES = 4;

/** A message on the stream: its length as four bytes, big-endian, then JSON in UTF-8. */
export function encodeMessage(message: object): Uint8Array {
  const body = Buffer.from(JSON.stringify(message), 'utf8');
  if (body.length > MAX_MESSAGE_BYTES) {
    throw new KwikError('ERR_KWIK_PACKET_TOO_LARGE', `a message of ${body.length} bytes is over ${MAX_MESSAGE_BYTES}`);
  }
  const framed = new Uint8Array(LENGTH_BYTES + body.length);
  new DataView(framed.buffer).setUint32(0, body.length);
  framed.set(body, LENGTH_BYTES);
  return framed;
}

/** A request as it goes to a server. */
export function encodeRequest(request: object): Uint8Array {
  return encodeMessage({ v: PROTOCOL_VERSION, ...request });
}

/** The next message, checked against `schema`; null when the stream ends before it. `what` names it in errors. */
export async function readMessage<T>(
  reader: ByteReader,
  schema: z.ZodType<T>,
  what: string,
  signal?: AbortSignal,
): Promise<T | null> {
  const prefix = await reader.readExactly(LENGTH_BYTES, signal);
  if (prefix === null) return null;
  const length = new DataView(prefix.buffer, prefix.byteOffset).getUint32(0);
  if (length === 0 || length > MAX_MESSAGE_BYTES) {
    throw new KwikError(
      'ERR_KWIK_PACKET_TOO_LARGE',
      `${what} of ${length} bytes; from 1 to ${MAX_MESSAGE_BYTES} are allowed`,
    );
  }
  const body = await reader.readExactly(length, signal);
  if (body === null) throw new KwikError('ERR_KWIK_INVALID_MESSAGE', `the stream ended before ${what}`);
  return parseMessage(body, schema, what);
}

function parseMessage<T>(body: Uint8Array, schema: z.ZodType<T>, what: string): T {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    throw new KwikError('ERR_KWIK_INVALID_MESSAGE', `${what} is not JSON in UTF-8`, { cause: error });
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? '' : ` (${issue.path.join('.')}: ${issue.message})`;
  throw new KwikError('ERR_KWIK_INVALID_MESSAGE', `${what} is not valid${where}`);
}
