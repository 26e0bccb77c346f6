/** A server of the links' benches, in a process of its own: it serves until its parent is gone. */
import { listen, type ReplicaSource, type ServerSession, type Stream } from '@kwik/session';
import { answerParent } from '../harness/child.js';
import { Pattern } from '../harness/pattern.js';
import type { ListenTask, StreamRequest } from './messages.js';

const WRITE_BYTES = 64 * 1024;
const KEY = /^pattern:(\d+)$/;

const pattern = new Pattern();
class Server {
  #peers: readonly string[] = [];

  setPeers(addresses: readonly string[]): void {
    this.#peers = addresses;
  }

  async listen({ host, credentials: { cert, key, ca }, carefulResume = false }: ListenTask): Promise<number> {
    const listener = await listen({
      host,
      credentials: { cert, key },
      trust: { ca },
      transport: { carefulResume },
      replica: (name) => replicaOf(name),
    });
    void (async () => {
      for await (const session of listener) if (session.role === 'primary') void this.#serve(session);
    })();
    return listener.address().port;
  }

  async #serve(session: ServerSession): Promise<void> {
    // A peer that cannot be added shows in the client's paths.
    for (const peer of this.#peers) session.addPath(peer).catch(() => undefined);
    try {
      for (;;) answer(session, await session.acceptStream()).catch(() => undefined);
    } catch {
      // The session is over.
    }
  }
}

const server = new Server();

export const calls = answerParent({
  /** Gives the port. */
  listen: (task: ListenTask) => server.listen(task),
  /** `host:port` of the servers that are added to each session from now on. */
  peers: (addresses: readonly string[]) => server.setPeers(addresses),
});
export type ServerCalls = typeof calls;

async function answer(session: ServerSession, stream: Stream): Promise<void> {
  const request = JSON.parse(await readLine(stream)) as StreamRequest;
  switch (request.kind) {
    case 'content':
      await stream.sendFrom(`pattern:${request.bytes}`, sourceOf(request.bytes));
      break;
    case 'bulk':
      for (let at = 0; at < request.bytes; at += WRITE_BYTES) {
        await stream.write(pattern.piece(at, Math.min(WRITE_BYTES, request.bytes - at)));
      }
      break;
    case 'drip':
      if (request.intent !== undefined) stream.setIntent(request.intent);
      if (request.besideBulk === true) writeWithoutEnd(session.openStream()).catch(() => undefined);
      await drip(stream, request.messageBytes, request.everyMs);
  }
  await stream.close();
}

async function writeWithoutEnd(stream: Stream): Promise<void> {
  for (;;) await stream.write(pattern.piece(0, WRITE_BYTES));
}

/** On an absolute schedule: a late message is followed by the next one in time. */
async function drip(stream: Stream, messageBytes: number, everyMs: number): Promise<void> {
  const stopped = new AbortController();
  void stream.peerStopped().then(() => stopped.abort());
  const startMs = performance.now();
  for (let sent = 0; !stopped.signal.aborted; sent += 1) {
    await stream.write(pattern.piece(sent * messageBytes, messageBytes));
    const waitMs = startMs + (sent + 1) * everyMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

async function readLine(stream: Stream): Promise<string> {
  let text = '';
  while (!text.endsWith('\n')) {
    const chunk = await stream.read();
    if (chunk === null) break;
    text += Buffer.from(chunk).toString('utf8');
  }
  return text;
}

function replicaOf(key: string): ReplicaSource | undefined {
  const bytes = KEY.exec(key)?.[1];
  return bytes === undefined ? undefined : sourceOf(Number(bytes));
}

function sourceOf(bytes: number): ReplicaSource {
  return {
    size: BigInt(bytes),
    read: (offset, length) => Promise.resolve(pattern.piece(Number(offset), length)),
  };
}
