import { listen, pskServerAuth, type Listener, type ReplicaSource, type ServerSession } from '@kwik/session';

export const KEY_NAME = 'interop';
export const BEFORE = 'before, ';
export const AFTER = ', after';

/** Content in memory; `slowMs` is how long each read takes. */
export function memorySource(content: Uint8Array, slowMs = 0): ReplicaSource {
  return {
    size: BigInt(content.length),
    read: async (offset, length) => {
      if (slowMs > 0) await new Promise((resolve) => setTimeout(resolve, slowMs));
      return content.subarray(Number(offset), Number(offset) + length);
    },
  };
}

/** A server with a copy of the content, in which primaries of this machine are believed. */
export function startReplica(source: ReplicaSource): Promise<Listener> {
  return listen({ replica: (key) => (key === 'content' ? source : undefined) });
}

/** The server that is asked: it wants a pre-shared key, brings in the others, and puts bytes of its own around the content. */
export async function startPrimary(
  source: ReplicaSource,
  { key, others }: { key: Uint8Array; others: readonly string[] },
): Promise<{ listener: Listener; sessions: ServerSession[] }> {
  const listener = await listen({ auth: [pskServerAuth({ keys: new Map([[KEY_NAME, key]]) })] });
  const sessions: ServerSession[] = [];
  void (async () => {
    for await (const session of listener) {
      sessions.push(session);
      // A client that is gone in the middle is no error of the server.
      void answer(session, source, others).catch(() => undefined);
    }
  })();
  return { listener, sessions };
}

async function answer(session: ServerSession, source: ReplicaSource, others: readonly string[]): Promise<void> {
  await Promise.allSettled(others.map((address) => session.addPath(address)));
  const stream = await session.acceptStream();
  while ((await stream.read()) !== null);
  await stream.write(BEFORE);
  await stream.sendFrom('content', source);
  await stream.write(AFTER);
  await stream.close();
}
