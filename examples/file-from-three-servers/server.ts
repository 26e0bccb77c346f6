import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { listen, type Listener, type ReplicaSource, type ServerSession } from '@kwik/session';

/** A file as content that can be read at any offset; undefined when the folder has none of this name. */
export async function fileSource(folder: string, name: string): Promise<ReplicaSource | undefined> {
  // The name comes from a peer: it stays inside the folder.
  const file = await open(join(folder, basename(name))).catch(() => undefined);
  if (file === undefined) return undefined;
  return {
    size: (await file.stat({ bigint: true })).size,
    read: async (offset, length) => {
      const bytes = new Uint8Array(length);
      const { bytesRead } = await file.read(bytes, 0, length, Number(offset));
      return bytes.subarray(0, bytesRead);
    },
    close: () => file.close(),
  };
}

/** A server that has copies of files, and waits for a primary to bring it in. It needs no code for sessions. */
export function startReplica(folder: string): Promise<Listener> {
  return listen({ replica: (name) => fileSource(folder, name) });
}

/** The server that clients ask. For each session it brings in the others. */
export async function startPrimary(folder: string, others: readonly string[]): Promise<Listener> {
  const listener = await listen();
  void (async () => {
    for await (const session of listener) {
      void serve(session, folder, others).catch((error: unknown) => console.error('a session failed:', error));
    }
  })();
  return listener;
}

async function serve(session: ServerSession, folder: string, others: readonly string[]): Promise<void> {
  const asked = session.acceptStream();
  // A server that cannot be reached is done without.
  await Promise.allSettled(others.map((address) => session.addPath(address)));
  const stream = await asked;
  let name = '';
  for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) {
    name += new TextDecoder().decode(chunk);
  }
  const source = await fileSource(folder, name);
  if (source === undefined) {
    stream.reset(404);
    return;
  }
  await stream.sendFrom(name, source);
  await stream.close();
}
