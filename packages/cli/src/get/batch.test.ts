import { createHash } from 'node:crypto';
import type { Session } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { expect, test } from '@jest/globals';
import { TransferMeter } from '../progress/transfer-meter.js';
import { ByteReader } from '../protocol/byte-reader.js';
import { encodeMessage, readMessage } from '../protocol/framing.js';
import { requestSchema } from '../protocol/messages.js';
import { MemoryStream } from '../test-support/memory-stream.js';
import { Batch, type BatchContext } from './batch.js';
import type { Job } from './jobs.js';
import type { Sink } from './sink.js';

/** A server in memory: files by name; `undefined` breaks the session off in the middle. */
class Server {
  streams = 0;
  mostStreams = 0;
  constructor(readonly files: Map<string, string | undefined>) {}

  session(): Session {
    const openStreamWhenReady = async (): Promise<MemoryStream> => {
      const [client, server] = MemoryStream.pair();
      void this.#answer(server);
      return client;
    };
    return { openStreamWhenReady } as Partial<Session> as Session;
  }

  async #answer(server: MemoryStream): Promise<void> {
    this.streams += 1;
    this.mostStreams = Math.max(this.mostStreams, this.streams);
    const request = await readMessage(new ByteReader(server), requestSchema, 'the request');
    await new Promise(setImmediate);
    this.streams -= 1;
    if (request?.op !== 'get') return;
    if (!this.files.has(request.path)) {
      await server.write(encodeMessage({ ok: false, code: 'not-found', message: 'no such file' }));
      return;
    }
    const content = this.files.get(request.path);
    if (content === undefined) {
      server.fail(new KwikError('ERR_KWIK_NO_PATH', 'lost'));
      return;
    }
    const sha256 = createHash('sha256').update(content).digest('hex');
    const header = encodeMessage({ ok: true, size: content.length, etag: 'e', offset: request.offset });
    await server.write(Buffer.concat([header, Buffer.from(content), encodeMessage({ ok: true, sha256 })]));
  }
}

/** Takes what comes and keeps nothing. */
function nowhere(keptBytes = 0): Sink {
  const done = (): Promise<void> => Promise.resolve();
  const open = (): ReturnType<Sink['open']> => Promise.resolve({ offset: 0, hash: createHash('sha256') });
  return { open, begin: done, write: done, commit: done, suspend: done, discard: done, keptBytes };
}

function jobs(...paths: string[]): Job[] {
  return paths.map((path) => ({ path, target: path }));
}

function context(server: Server, signal = new AbortController().signal): BatchContext {
  return { session: server.session(), signal, timeoutMs: 10_000, now: () => performance.now() };
}

test('fetches all, many at once but not more than 32, and counts them', async () => {
  const names = Array.from({ length: 200 }, (_, index) => `f${index}`);
  const server = new Server(new Map(names.map((name) => [name, name])));
  const meter = new TransferMeter(0);
  const batch = new Batch(jobs(...names), { sinkFor: () => nowhere(), meter });
  await batch.run(context(server));
  expect(new Set(batch.finished.map(({ job }) => job.path))).toEqual(new Set(names));
  expect(server.mostStreams).toBeGreaterThan(8);
  expect(server.mostStreams).toBeLessThanOrEqual(32);
  const bytes = names.join('').length;
  expect(meter.state(1)).toMatchObject({ receivedBytes: bytes, doneBytes: bytes, totalBytes: bytes });
});

test('a file that fails stops no other', async () => {
  const server = new Server(new Map(['a', 'c'].map((name) => [name, name])));
  const batch = new Batch(jobs('a', 'b', 'c'), { sinkFor: () => nowhere(), meter: new TransferMeter(0) });
  await batch.run(context(server));
  expect(batch.finished.map(({ job }) => job.path).sort()).toEqual(['a', 'c']);
  expect(batch.failed).toMatchObject([{ job: { path: 'b' }, error: { code: 'ERR_KWIK_SOURCE_NOT_FOUND' } }]);
});

test('a lost session leaves the rest to the next, which fetches nothing twice', async () => {
  const names = Array.from({ length: 100 }, (_, index) => `f${index}`);
  const files = new Map<string, string | undefined>(names.map((name) => [name, name]));
  files.set('f50', undefined);
  const server = new Server(files);
  const batch = new Batch(jobs(...names), { sinkFor: () => nowhere(7), meter: new TransferMeter(0) });
  await expect(batch.run(context(server))).rejects.toMatchObject({ code: 'ERR_KWIK_NO_PATH' });
  expect(batch.failed).toEqual([]);
  expect(batch.finished.length).toBeLessThan(100);
  expect(batch.keptBytes).toBe(7);
  files.set('f50', 'f50');
  await batch.run(context(server));
  expect(batch.finished.map(({ job }) => job.path).sort()).toEqual([...names].sort());
  expect(batch.keptBytes).toBe(0);
});

test('Ctrl-C ends it without calling anything failed', async () => {
  const server = new Server(new Map(['a', 'b'].map((name) => [name, name])));
  const interrupted = new AbortController();
  interrupted.abort(new KwikError('ERR_KWIK_ABORTED', 'interrupted'));
  const batch = new Batch(jobs('a', 'b'), { sinkFor: () => nowhere(), meter: new TransferMeter(0) });
  await expect(batch.run(context(server, interrupted.signal))).rejects.toMatchObject({ code: 'ERR_KWIK_ABORTED' });
  expect(batch.failed).toEqual([]);
});
