import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  dial,
  listen,
  type DialOptions,
  type Listener,
  type ListenOptions,
  type ReplicaSource,
  type ServerSession,
  type Session,
  type Stream,
} from '@kwik/session';

/** Servers and clients of one test, with a development authority of their own; `close` ends all. */
export class Harness {
  readonly #closers: (() => Promise<unknown>)[] = [];

  static async create(): Promise<Harness> {
    const folder = await mkdtemp(join(tmpdir(), 'kwik-test-'));
    const before = process.env['KWIK_DATA_DIR'];
    process.env['KWIK_DATA_DIR'] = folder;
    const harness = new Harness();
    harness.onClose(async () => {
      if (before === undefined) delete process.env['KWIK_DATA_DIR'];
      else process.env['KWIK_DATA_DIR'] = before;
      await rm(folder, { recursive: true, force: true });
    });
    return harness;
  }

  onClose(closer: () => Promise<unknown>): void {
    this.#closers.push(closer);
  }

  async listen(options: ListenOptions = {}): Promise<Listener> {
    const listener = await listen(options);
    this.onClose(() => listener.close({ force: true }));
    return listener;
  }

  async dial(listener: Listener | string, options: DialOptions = {}): Promise<Session> {
    const session = await dial(typeof listener === 'string' ? listener : addressOf(listener), options);
    this.onClose(() => session.close(0, '', { timeoutMs: 1000 }));
    return session;
  }

  /** A client and the primary's end of its session. */
  async pair(listenOptions: ListenOptions = {}, dialOptions: DialOptions = {}) {
    const listener = await this.listen(listenOptions);
    const [client, server] = await Promise.all([this.dial(listener, dialOptions), listener.accept()]);
    return { listener, client, server };
  }

  async close(): Promise<void> {
    for (const closer of this.#closers.reverse()) await closer();
  }
}

export function addressOf(listener: Listener): string {
  const { address, port } = listener.address();
  return `${address}:${port}`;
}

/** Bytes that differ everywhere, so that a piece at a wrong offset shows. */
export function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed >>> 0 || 1;
  for (let index = 0; index < length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[index] = state;
  }
  return bytes;
}

export function sourceOf(content: Uint8Array): ReplicaSource {
  return {
    size: BigInt(content.length),
    read: (offset, length) => Promise.resolve(content.subarray(Number(offset), Number(offset) + length)),
  };
}

export async function readAll(stream: Stream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = await stream.read();
    if (chunk === null) return new Uint8Array(Buffer.concat(chunks));
    chunks.push(chunk);
  }
}

/** Answers each stream of the client with what it says. */
export function echoes(session: ServerSession): void {
  void (async () => {
    for (;;) {
      const stream = await session.acceptStream();
      void (async () => {
        for await (const chunk of stream) await stream.write(chunk);
        await stream.close();
      })().catch(() => undefined);
    }
  })().catch(() => undefined);
}

/** Answers every stream with the content, from all servers of the session. */
export function serveContent(server: ServerSession, key: string, content: Uint8Array): Promise<void> {
  return (async () => {
    for (;;) {
      const stream = await server.acceptStream();
      await stream.read();
      await stream.sendFrom(key, sourceOf(content));
      await stream.close();
    }
  })().catch(() => undefined);
}

export async function fetchContent(client: Session): Promise<Uint8Array> {
  const stream = client.openStream();
  await stream.write('get');
  const [content] = await Promise.all([readAll(stream), stream.close()]);
  return content;
}
