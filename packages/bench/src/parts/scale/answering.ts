import type { Listener, ServerSession, Stream } from '@kwik/session';
import { Pattern } from '../../harness/pattern.js';
import { BULK, CHUNK_BYTES, REQUEST_BYTES } from './protocol.js';

const pattern = new Pattern();

/** Sends back what each stream says, or as many bytes as it asks for, until the listener is closed. */
export async function answerSessions(listener: Listener): Promise<void> {
  for await (const session of listener) void serveSession(session);
}

async function serveSession(session: ServerSession): Promise<void> {
  try {
    for (;;) void serveStream(await session.acceptStream());
  } catch {
    // The session has ended.
  }
}

async function serveStream(stream: Stream): Promise<void> {
  try {
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of stream) {
      length += chunk.length;
      parts.push(chunk);
    }
    const request = Buffer.concat(parts, length);
    if (request[0] === BULK && length === REQUEST_BYTES) await sendBulk(stream, request.readUInt32BE(1));
    else await stream.write(request);
    await stream.close();
  } catch {
    // The client is gone.
  }
}

async function sendBulk(stream: Stream, bytes: number): Promise<void> {
  for (let at = 0; at < bytes; at += CHUNK_BYTES)
    await stream.write(pattern.piece(at, Math.min(CHUNK_BYTES, bytes - at)));
}
