import { createHash } from 'node:crypto';
import { appendFile, symlink } from 'node:fs/promises';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { KwikError } from '@kwik/wire';
import { z } from 'zod';
import { ByteReader } from '../protocol/byte-reader.js';
import { decodeContentKey } from '../protocol/content-key.js';
import { encodeMessage, readMessage } from '../protocol/framing.js';
import { MemoryStream } from '../test-support/memory-stream.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { answerStream, type Answered, type FileService } from './answer.js';
import { HashCache } from './hash-cache.js';
import { ServedFolder, type ServedFile } from './served-folder.js';

const disk = temporaryFolder();
const wanted = new AbortController().signal;
const LARGE = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7) % 251));
const SMALL = Buffer.from('a small file');

let service: FileService;

function unwanted(): Promise<never> {
  return Promise.reject(new Error('nobody asks for a connection here'));
}

beforeEach(async () => {
  await disk.write('secret', 'secret');
  await disk.write('served/large', LARGE);
  await disk.write('served/small', SMALL);
  await disk.write('served/empty', '');
  await symlink('../secret', disk.path('served/out'));
  const folder = await ServedFolder.open(disk.path('served'));
  service = {
    folder,
    hashes: new HashCache(folder),
    hasStandby: false,
    addServers: (servers) => ({ ok: true, accepted: [...servers], refused: [] }),
    forward: { connect: unwanted, connectUdp: unwanted, listen: unwanted },
  };
});

interface Exchange {
  readonly reader: ByteReader;
  readonly server: MemoryStream;
  readonly answered: Answered;
}

/** Sends bytes as a client and lets the server answer; a server that reads more than it gets would hang. */
async function exchange(request: Uint8Array): Promise<Exchange> {
  const [client, server] = MemoryStream.pair(1000);
  await client.write(request);
  await client.close();
  const answered = await answerStream(server, service, wanted);
  return { reader: new ByteReader(client), server, answered };
}

function ask(request: object): Promise<Exchange> {
  return exchange(encodeMessage({ v: 1, ...request }));
}

const anything = z.record(z.string(), z.unknown());

async function nextMessage(reader: ByteReader): Promise<unknown> {
  return readMessage(reader, anything, 'a message');
}

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Header, content and trailer of a whole answer, and that nothing follows. */
async function readFile({ reader }: Exchange): Promise<{ header: z.infer<typeof headerShape>; content: Buffer }> {
  const header = headerShape.parse(await nextMessage(reader));
  const content = await reader.readExactly(header.size - header.offset);
  expect(await nextMessage(reader)).toEqual({ ok: true, sha256: expect.stringMatching(/^[0-9a-f]{64}$/u) });
  expect(await reader.readSome(1)).toBeNull();
  return { header, content: Buffer.from(content ?? []) };
}
const headerShape = z.object({ ok: z.literal(true), size: z.number(), etag: z.string(), offset: z.number() });

describe('get', () => {
  test.each([
    ['large', LARGE, 1],
    ['small', SMALL, 0],
    ['empty', Buffer.alloc(0), 0],
  ])('%s: header, content, trailer', async (path, expected, multiSource) => {
    const result = await ask({ op: 'get', path, offset: 0 });
    expect(result.server.sent).toHaveLength(multiSource);
    expect(result.answered).toEqual({ op: 'get', path, bytes: expected.length });
    const { header, content } = await readFile(result);
    expect(header).toMatchObject({ size: expected.length, offset: 0 });
    expect(content.equals(expected)).toBe(true);
  });

  test('with a standby nothing follows the content, for whoever asks for the digest apart', async () => {
    service = { ...service, hasStandby: true };
    const { reader, server, answered } = await ask({ op: 'get', path: 'large', offset: 0, apart: true });
    expect(answered).toEqual({ op: 'get', path: 'large', bytes: LARGE.length });
    const { etag, ...header } = z.record(z.string(), z.unknown()).parse(await nextMessage(reader));
    expect(header).toEqual({ ok: true, size: LARGE.length, offset: 0, apart: true });
    expect(Buffer.from((await reader.readExactly(LARGE.length))!).equals(LARGE)).toBe(true);
    expect(await reader.readSome(1)).toBeNull();
    expect(server.sent).toMatchObject([{ end: true }]);
    const confirming = await ask({ op: 'get', path: 'large', offset: LARGE.length, etag, prefixSha256: sha256(LARGE) });
    expect(await nextMessage(confirming.reader)).toMatchObject({ offset: LARGE.length, size: LARGE.length });
    expect(await nextMessage(confirming.reader)).toEqual({ ok: true, sha256: sha256(LARGE) });
  });

  test('the trailer follows where there is no standby, or the client knows no other way', async () => {
    for (const [hasStandby, request] of [
      [true, {}],
      [false, { apart: true }],
    ] as const) {
      service = { ...service, hasStandby };
      const result = await ask({ op: 'get', path: 'large', offset: 0, ...request });
      expect((await readFile(result)).content.equals(LARGE)).toBe(true);
      expect(result.server.sent).toMatchObject([{ end: false }]);
    }
  });

  test('a server that stops ends the session, and no stream of it before', async () => {
    const [client, server] = MemoryStream.pair(1000);
    await client.write(encodeMessage({ v: 1, op: 'get', path: 'large', offset: 0 }));
    const resets: unknown[] = [];
    server.reset = (code) => void resets.push(code);
    const closing = new KwikError('ERR_KWIK_SESSION_CLOSED', 'the session is being closed here; it takes nothing new');
    server.write = () => Promise.reject(closing);
    expect(await answerStream(server, service, wanted)).toMatchObject({ error: closing });
    expect(resets).toEqual([]);
  });

  test('a client that wants no more of it was refused nothing', async () => {
    const [client, server] = MemoryStream.pair(1000);
    await client.write(encodeMessage({ v: 1, op: 'get', path: 'large', offset: 0 }));
    server.peerStopped = () => Promise.resolve(0);
    server.write = async () => {
      await new Promise(setImmediate);
      throw new KwikError('ERR_KWIK_SOURCE_FAILED', 'the stream is closed');
    };
    expect(await answerStream(server, service, wanted)).toMatchObject({ path: 'large', unwanted: true });
    server.peerStopped = () => Promise.resolve(undefined);
    await client.write(encodeMessage({ v: 1, op: 'get', path: 'large', offset: 0 }));
    expect(await answerStream(server, service, wanted)).toMatchObject({ path: 'large', unwanted: false });
  });

  test('a client that stops a write was refused nothing, also where the write hears of it first', async () => {
    const [client, server] = MemoryStream.pair(1000);
    await client.write(encodeMessage({ v: 1, op: 'list', path: '' }));
    server.peerStopped = () => new Promise(() => undefined);
    server.write = () => Promise.reject(new KwikError('ERR_KWIK_STREAM_STOPPED'));
    expect(await answerStream(server, service, wanted)).toMatchObject({ op: 'list', unwanted: true });
  });

  test('a client that has heard a refusal, and wants no more, was refused all the same', async () => {
    const [client, server] = MemoryStream.pair(1000);
    await client.write(encodeMessage({ v: 1, op: 'get', path: 'missing', offset: 0 }));
    let stop: (code: number) => void = () => undefined;
    server.peerStopped = () => new Promise((resolve) => (stop = resolve));
    server.write = async () => {
      stop(0);
      await new Promise(setImmediate);
    };
    expect(await answerStream(server, service, wanted)).toMatchObject({ path: 'missing', unwanted: false });
  });

  test('the trailer has the SHA-256 of the whole file', async () => {
    for (const [path, content] of Object.entries({ large: LARGE, small: SMALL })) {
      const { reader } = await ask({ op: 'get', path, offset: 0 });
      await nextMessage(reader);
      await reader.readExactly(content.length);
      expect(await nextMessage(reader)).toEqual({ ok: true, sha256: sha256(content) });
    }
  });

  test('the key of a multi-source stream names path, size and offset', async () => {
    const { header } = await readFile(await ask({ op: 'get', path: 'large', offset: 0 }));
    const resumed = await ask({ op: 'get', path: 'large', offset: 100_000, etag: header.etag });
    const [sent] = resumed.server.sent;
    expect(sent?.size).toBe(100_000n);
    expect(decodeContentKey(sent?.key ?? '')).toEqual({ path: 'large', size: 200_000, offset: 100_000 });
  });

  test('goes on from the offset if the client has the beginning of this file, by etag or by digest', async () => {
    const first = await readFile(await ask({ op: 'get', path: 'large', offset: 0 }));
    for (const offset of [1, 150_000, 200_000]) {
      for (const proof of [
        { etag: first.header.etag },
        { etag: 'x', prefixSha256: sha256(LARGE.subarray(0, offset)) },
      ]) {
        const { header, content } = await readFile(await ask({ op: 'get', path: 'large', offset, ...proof }));
        expect(header.offset).toBe(offset);
        expect(content.equals(LARGE.subarray(offset))).toBe(true);
      }
    }
  });

  test('asked to look again, it does not believe its own memory', async () => {
    const real = await ServedFolder.open(disk.path('served'));
    // A file system whose times tell nothing.
    const openFile = async (path: string): Promise<ServedFile> => ({ ...(await real.openFile(path)), etag: 'same' });
    const folder = Object.assign(Object.create(real) as ServedFolder, { openFile });
    service = { ...service, folder, hashes: new HashCache({ openFile }, { now: () => Date.now() + 10_000 }) };
    const remembered = await service.hashes.sha256({ path: 'large', etag: 'same', size: LARGE.length }, wanted);
    expect(remembered).toBe(sha256(LARGE));
    const changed = Buffer.from(LARGE).fill(7, 0, 10);
    await disk.write('served/large', changed);
    const request = { op: 'get', path: 'large', offset: LARGE.length, etag: 'same', recheck: true };
    const wrong = await ask({ ...request, prefixSha256: sha256(LARGE) });
    expect(headerShape.parse(await nextMessage(wrong.reader)).offset).toBe(0);
    const looked = await service.hashes.sha256({ path: 'large', etag: 'same', size: LARGE.length }, wanted);
    expect(looked).toBe(sha256(changed));
  });

  test('begins anew if the client has something else', async () => {
    for (const proof of [{}, { etag: 'x' }, { etag: 'x', prefixSha256: sha256(Buffer.from('other')) }]) {
      const { header, content } = await readFile(await ask({ op: 'get', path: 'large', offset: 5, ...proof }));
      expect(header.offset).toBe(0);
      expect(content.equals(LARGE)).toBe(true);
    }
    const { header } = await readFile(await ask({ op: 'get', path: 'large', offset: 200_001, etag: 'x' }));
    expect(header.offset).toBe(0);
  });

  test.each([
    ['out', 'forbidden'],
    ['../secret', 'forbidden'],
    ['/etc/hostname', 'forbidden'],
    ['%2e%2e/secret', 'not-found'],
    ['a\\b', 'forbidden'],
    ['a\0b', 'forbidden'],
    ['missing', 'not-found'],
  ])('%j is refused', async (path, code) => {
    const { reader, answered } = await ask({ op: 'get', path, offset: 0 });
    expect(await nextMessage(reader)).toEqual({ ok: false, code, message: expect.any(String) });
    expect(await reader.readSome(1)).toBeNull();
    expect(answered.error).toBeDefined();
  });

  test('a file that changes while it is sent is said to have changed', async () => {
    const [client, server] = MemoryStream.pair();
    await client.write(encodeMessage({ v: 1, op: 'get', path: 'large', offset: 0 }));
    const sendFrom = server.sendFrom.bind(server);
    server.sendFrom = async (key, source) => {
      await sendFrom(key, source);
      await appendFile(disk.path('served/large'), '!');
    };
    await answerStream(server, service, wanted);
    const reader = new ByteReader(client);
    await nextMessage(reader);
    await reader.readExactly(LARGE.length);
    expect(await nextMessage(reader)).toMatchObject({ ok: false, code: 'changed' });
  });

  test('content that breaks off ends in a reset, not in a short file', async () => {
    const [client, server] = MemoryStream.pair();
    await client.write(encodeMessage({ v: 1, op: 'get', path: 'large', offset: 0 }));
    server.sendFrom = () => Promise.reject(new Error('the disk is gone'));
    const { error } = await answerStream(server, service, wanted);
    expect(error).toMatchObject({ message: 'the disk is gone' });
    const reader = new ByteReader(client);
    await nextMessage(reader);
    await expect(reader.readSome(1)).rejects.toMatchObject({ code: 'ERR_KWIK_STREAM_RESET' });
  });
});

describe('list and add-servers', () => {
  test('a listing', async () => {
    const { reader } = await ask({ op: 'list', path: '' });
    expect(await nextMessage(reader)).toEqual({
      ok: true,
      more: false,
      omitted: [],
      entries: [
        { path: 'empty', size: 0 },
        { path: 'large', size: 200_000 },
        { path: 'small', size: 12 },
      ],
    });
    expect(await reader.readSome(1)).toBeNull();
  });

  test('what is no folder', async () => {
    const { reader } = await ask({ op: 'list', path: 'small' });
    expect(await nextMessage(reader)).toMatchObject({ ok: false, code: 'forbidden' });
  });

  test('servers are passed on', async () => {
    const { reader } = await ask({ op: 'add-servers', servers: ['a:1'] });
    expect(await nextMessage(reader)).toEqual({ ok: true, accepted: ['a:1'], refused: [] });
  });
});

describe('what is no request', () => {
  test.each([
    ['another version', encodeMessage({ v: 2, op: 'get' }), 'unsupported'],
    ['an unknown operation', encodeMessage({ v: 1, op: 'put' }), 'unsupported'],
    ['a negative offset', encodeMessage({ v: 1, op: 'get', path: 'small', offset: -1 }), 'bad-request'],
    ['a huge offset', encodeMessage({ v: 1, op: 'get', path: 'small', offset: 2 ** 60 }), 'bad-request'],
    ['no path', encodeMessage({ v: 1, op: 'get', offset: 0 }), 'bad-request'],
    ['an empty path', encodeMessage({ v: 1, op: 'get', path: '', offset: 0 }), 'bad-request'],
    ['a path that is no text', encodeMessage({ v: 1, op: 'get', path: {}, offset: 0 }), 'bad-request'],
    ['a long path', encodeMessage({ v: 1, op: 'get', path: 'x'.repeat(5000), offset: 0 }), 'bad-request'],
    ['no digest', encodeMessage({ v: 1, op: 'get', path: 'a', offset: 1, prefixSha256: 'x' }), 'bad-request'],
    ['no servers', encodeMessage({ v: 1, op: 'add-servers', servers: [] }), 'bad-request'],
    ['many servers', encodeMessage({ v: 1, op: 'add-servers', servers: Array(17).fill('a:1') }), 'bad-request'],
    ['an array', encodeMessage([1]), 'bad-request'],
    ['no JSON', Buffer.from('\0\0\0\x03{a}'), 'bad-request'],
    ['no UTF-8', Buffer.from([0, 0, 0, 2, 0x22, 0xff]), 'bad-request'],
    ['a length of nothing', Buffer.from([0, 0, 0, 0]), 'bad-request'],
    ['a length beyond the bound', Buffer.from([0, 0, 0x40, 1, 0x7b]), 'bad-request'],
    ['a length of gigabytes', Buffer.from([0xff, 0xff, 0xff, 0xff]), 'bad-request'],
    ['an end in the middle', Buffer.from([0, 0, 0, 9, 0x7b]), 'bad-request'],
    ['nothing at all', Buffer.alloc(0), 'bad-request'],
  ])('%s is refused with one message', async (_name, bytes, code) => {
    const { reader, answered } = await exchange(bytes);
    expect(await nextMessage(reader)).toMatchObject({ ok: false, code });
    expect(await reader.readSome(1)).toBeNull();
    expect(answered).toMatchObject({ bytes: 0, error: expect.anything() });
  });

  test('a client that never asks is left alone when its session ends', async () => {
    const [, server] = MemoryStream.pair();
    const ended = new AbortController();
    const answering = answerStream(server, service, ended.signal);
    ended.abort();
    expect((await answering).error).toBeDefined();
    expect(server.stopped).toBe(true);
  });
});
