import { createHash } from 'node:crypto';
import type { Session } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { describe, expect, test } from '@jest/globals';
import { ByteReader } from '../protocol/byte-reader.js';
import { encodeMessage, readMessage } from '../protocol/framing.js';
import { requestSchema, type Header } from '../protocol/messages.js';
import { MemoryStream } from '../test-support/memory-stream.js';
import { download, type DownloadContext, type Downloaded } from './download.js';
import type { Existing, Sink } from './sink.js';

const CONTENT = Buffer.from('the content of the file, all of it');
const SHA256 = sha256(CONTENT);

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** A sink in memory that writes down what is done with it. */
class MemorySink implements Sink {
  readonly calls: string[] = [];
  readonly keptBytes = 0;
  content: Buffer;

  constructor(
    before = '',
    readonly etag?: string,
  ) {
    this.content = Buffer.from(before);
  }

  open(): Promise<Existing> {
    const hash = createHash('sha256').update(this.content);
    return Promise.resolve({ offset: this.content.length, hash, ...(this.etag !== undefined && { etag: this.etag }) });
  }

  begin({ offset }: Header): Promise<void> {
    this.calls.push(`begin ${offset}`);
    this.content = this.content.subarray(0, offset);
    return Promise.resolve();
  }

  write(chunk: Uint8Array): Promise<void> {
    this.content = Buffer.concat([this.content, chunk]);
    return Promise.resolve();
  }

  commit(): Promise<void> {
    return this.#note('commit');
  }

  suspend(): Promise<void> {
    return this.#note('suspend');
  }

  discard(): Promise<void> {
    return this.#note('discard');
  }

  #note(call: string): Promise<void> {
    this.calls.push(call);
    return Promise.resolve();
  }
}

interface Served {
  readonly result: Promise<Downloaded>;
  readonly server: MemoryStream;
  /** Of a second request. */
  readonly again: MemoryStream;
  readonly said: string[];
}

/** Downloads `file` from a server that the test plays. */
function from(sink: Sink, more: Partial<DownloadContext> = {}): Served {
  const [client, server] = MemoryStream.pair(10);
  const [second, again] = MemoryStream.pair(10);
  const streams = [client, second];
  const said: string[] = [];
  const session = { openStreamWhenReady: () => Promise.resolve(streams.shift()!) } as Partial<Session> as Session;
  const context: DownloadContext = {
    session,
    signal: new AbortController().signal,
    timeoutMs: 10_000,
    now: () => performance.now(),
    say: (line) => said.push(line),
    ...more,
  };
  const result = download('file', sink, context);
  // Looked at by the test, later.
  result.catch(() => undefined);
  return { result, server, again, said };
}

function header(more: Partial<Header> = {}): Uint8Array {
  return encodeMessage({ ok: true, size: CONTENT.length, etag: 'e1', offset: 0, ...more });
}

const trailer = encodeMessage({ ok: true, sha256: SHA256 });

test('a whole file that is what the server says', async () => {
  const sink = new MemorySink();
  const progress: string[] = [];
  const { result, server } = from(sink, {
    onHeader: (size, offset) => progress.push(`${size} from ${offset}`),
    onContent: (bytes) => progress.push(`+${bytes}`),
  });
  await server.write(Buffer.concat([header(), CONTENT, trailer]));
  await server.close();
  expect(await result).toEqual({ size: CONTENT.length, offset: 0, sha256: SHA256 });
  expect(sink.content.equals(CONTENT)).toBe(true);
  expect(sink.calls).toEqual(['begin 0', 'commit']);
  expect(progress[0]).toBe(`${CONTENT.length} from 0`);
  expect(progress.slice(1).reduce((sum, bytes) => sum + Number(bytes), 0)).toBe(CONTENT.length);
});

test('asks for the rest of what the sink has, and hashes the whole', async () => {
  const sink = new MemorySink('the content', 'e1');
  const { result, server } = from(sink);
  await server.write(Buffer.concat([header({ offset: 11 }), CONTENT.subarray(11), trailer]));
  expect(await result).toEqual({ size: CONTENT.length, offset: 11, sha256: SHA256 });
  expect(sink.content.equals(CONTENT)).toBe(true);
  const request = await readMessage(new ByteReader(server), requestSchema, 'the request');
  expect(request).toEqual({
    ...{ v: 1, op: 'get', path: 'file', offset: 11, apart: true, etag: 'e1', progress: true },
    prefixSha256: sha256(CONTENT.subarray(0, 11)),
  });
});

test('forgets what the sink has if the server begins anew', async () => {
  const sink = new MemorySink('something else', 'e0');
  const { result, server } = from(sink);
  await server.write(Buffer.concat([header(), CONTENT, trailer]));
  expect(await result).toMatchObject({ offset: 0, sha256: SHA256 });
  expect(sink.calls).toEqual(['begin 0', 'commit']);
});

test('content of another digest is thrown away', async () => {
  const sink = new MemorySink();
  const { result, server, again } = from(sink);
  const wrong = Buffer.from(CONTENT);
  wrong[3]! ^= 1;
  await again.write(header());
  await server.write(Buffer.concat([header(), wrong, trailer]));
  await expect(result).rejects.toMatchObject({ code: 'ERR_KWIK_DIGEST_MISMATCH' });
  expect(sink.calls).toEqual(['begin 0', 'discard']);
});

test.each([
  [
    'a refusal',
    [encodeMessage({ ok: false, code: 'not-found', message: 'no such file' })],
    'ERR_KWIK_SOURCE_NOT_FOUND',
  ],
  [
    'a refusal after the content',
    [header(), CONTENT, encodeMessage({ ok: false, code: 'changed', message: 'x' })],
    'ERR_KWIK_SOURCE_FAILED',
  ],
  ['an end before the header', [], 'ERR_KWIK_INVALID_MESSAGE'],
  ['an end in the header', [header().subarray(0, 9)], 'ERR_KWIK_INVALID_MESSAGE'],
  ['an end in the content', [header(), CONTENT.subarray(5)], 'ERR_KWIK_SOURCE_FAILED'],
  ['an end before the trailer', [header(), CONTENT], 'ERR_KWIK_INVALID_MESSAGE'],
  ['more content than promised', [header(), CONTENT, CONTENT], 'ERR_KWIK_PACKET_TOO_LARGE'],
  ['an offset that nobody asked for', [header({ offset: 3 })], 'ERR_KWIK_PROTOCOL_VIOLATION'],
  ['a size below the offset', [header({ offset: 0, size: -1 })], 'ERR_KWIK_INVALID_MESSAGE'],
  ['nonsense', [Buffer.from('HTTP/1.1 200 OK')], 'ERR_KWIK_PACKET_TOO_LARGE'],
])('%s: the sink keeps what it has, and nothing is called done', async (_name, pieces, code) => {
  const sink = new MemorySink();
  const { result, server } = from(sink);
  for (const piece of pieces) await server.write(piece);
  await server.close();
  await expect(result).rejects.toMatchObject({ code });
  expect(sink.calls.at(-1)).toBe('suspend');
  expect(sink.calls).not.toContain('commit');
});

test.each([
  ['that came in one session stands', '', 'commit'],
  ['that was begun in another is not confirmed', 'the content', 'suspend'],
])('the server is lost after the last byte: content %s', async (_name, before, end) => {
  const sink = new MemorySink(before, 'e1');
  const { result, server, said } = from(sink);
  await server.write(Buffer.concat([header({ offset: before.length }), CONTENT.subarray(before.length)]));
  server.fail(new KwikError('ERR_KWIK_NO_PATH', 'the primary server is lost'));
  const outcome = await result.catch((error: unknown) => error);
  expect(sink.calls).toEqual([`begin ${before.length}`, end]);
  if (end === 'commit') {
    expect(outcome).toMatchObject({ sha256: SHA256 });
    expect(said).toEqual([expect.stringContaining('lost before it confirmed')]);
  } else {
    expect(outcome).toMatchObject({ code: 'ERR_KWIK_NO_PATH' });
  }
});

test('Ctrl-C: the reason is that of the signal, and the part is kept', async () => {
  const sink = new MemorySink();
  const interrupted = new AbortController();
  const { result, server } = from(sink, {
    signal: interrupted.signal,
    onContent: () => interrupted.abort(new KwikError('ERR_KWIK_ABORTED', 'interrupted')),
  });
  await server.write(Buffer.concat([header(), CONTENT.subarray(0, 20)]));
  await expect(result).rejects.toMatchObject({ code: 'ERR_KWIK_ABORTED', message: 'interrupted' });
  expect(sink.calls).toEqual(['begin 0', 'suspend']);
});

test('a server that falls silent is given up after the timeout', async () => {
  const sink = new MemorySink();
  const { result, server } = from(sink, { timeoutMs: 50 });
  await server.write(Buffer.concat([header(), CONTENT.subarray(0, 20)]));
  await expect(result).rejects.toMatchObject({ code: 'ERR_KWIK_TIMEOUT' });
  expect(sink.calls).toEqual(['begin 0', 'suspend']);
});

test('a digest that the server remembered wrongly is asked for again, and the file is right after all', async () => {
  const sink = new MemorySink();
  const { result, server, again } = from(sink);
  await again.write(Buffer.concat([header({ offset: CONTENT.length, etag: 'e2' }), trailer]));
  const stale = encodeMessage({ ok: true, sha256: sha256(Buffer.from('what it was before')) });
  await server.write(Buffer.concat([header(), CONTENT, stale]));
  expect(await result).toMatchObject({ sha256: SHA256 });
  expect(sink.calls).toEqual(['begin 0', 'commit']);
  expect(await readMessage(new ByteReader(again), requestSchema, 'the request')).toMatchObject({
    offset: CONTENT.length,
    prefixSha256: SHA256,
    recheck: true,
  });
});

describe('a digest that is asked for apart', () => {
  const apart = { apart: true } as const;

  test('is that of whoever has the session by then', async () => {
    const sink = new MemorySink();
    const { result, server, again } = from(sink);
    await again.write(Buffer.concat([header({ offset: CONTENT.length, etag: 'of another server' }), trailer]));
    await server.write(Buffer.concat([header(apart), CONTENT]));
    await server.close();
    expect(await result).toEqual({ size: CONTENT.length, offset: 0, sha256: SHA256 });
    expect(sink.calls).toEqual(['begin 0', 'commit']);
    expect(await readMessage(new ByteReader(again), requestSchema, 'the request')).toEqual({
      ...{ v: 1, op: 'get', path: 'file', offset: CONTENT.length, etag: 'e1', prefixSha256: SHA256, progress: true },
    });
  });

  test('of other content, or of a file that is another one by now: what came is thrown away', async () => {
    for (const answer of [header(), header({ offset: 0, size: 7 })]) {
      const sink = new MemorySink();
      const { result, server, again } = from(sink);
      await again.write(answer);
      await server.write(Buffer.concat([header(apart), CONTENT]));
      await expect(result).rejects.toMatchObject({ code: 'ERR_KWIK_DIGEST_MISMATCH' });
      expect(sink.calls).toEqual(['begin 0', 'discard']);
    }
  });

  test('from nobody: content that came in one session stands', async () => {
    const sink = new MemorySink();
    const { result, server, again, said } = from(sink);
    await server.write(Buffer.concat([header(apart), CONTENT]));
    again.fail(new KwikError('ERR_KWIK_NO_PATH', 'the primary server is lost'));
    expect(await result).toMatchObject({ sha256: SHA256 });
    expect(said).toEqual([expect.stringContaining('lost before it confirmed')]);
  });
});

test('a server that checks a long part is waited for while it gets on, and shown', async () => {
  const seen: string[] = [];
  let nowMs = 0;
  const sink = new MemorySink(CONTENT.subarray(0, 11).toString(), 'e1');
  const { result, server } = from(sink, {
    timeoutMs: 300,
    now: () => nowMs,
    onChecking: (checked, of) => seen.push(`${checked} of ${of}`),
  });
  for (const checked of [2e6, 4e6, 6e6]) {
    await server.write(encodeMessage({ ok: true, checked, of: 8e6 }));
    // Three times what may pass without a sign of life, all in all.
    nowMs += 290;
    await new Promise(setImmediate);
  }
  await server.write(Buffer.concat([header({ offset: 11 }), CONTENT.subarray(11), trailer]));
  expect(await result).toMatchObject({ offset: 11, sha256: SHA256 });
  expect(seen).toEqual(['2000000 of 8000000', '4000000 of 8000000', '6000000 of 8000000']);
});

test('a server that only says that it checks is not waited for without end', async () => {
  const sink = new MemorySink(CONTENT.subarray(0, 11).toString(), 'e1');
  const { result, server } = from(sink, { timeoutMs: 50 });
  const ticking = setInterval(() => void server.write(encodeMessage({ ok: true, checked: 5, of: 8e6 })), 10);
  await expect(result).rejects.toMatchObject({ code: 'ERR_KWIK_TIMEOUT' });
  clearInterval(ticking);
});
