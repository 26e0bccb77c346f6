import { createHash } from 'node:crypto';
import { appendFile, open, stat, utimes } from 'node:fs/promises';
import { beforeEach, expect, test } from '@jest/globals';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { HashCache, sha256OfPrefix, type HashedFile } from './hash-cache.js';
import { ServedFolder, type ServedFile } from './served-folder.js';

const disk = temporaryFolder();
const wanted = new AbortController().signal;
const CONTENT = Buffer.alloc(1_000_000, 'kwik');

/** The folder, counting how often a file is opened for hashing. */
class Counting {
  opened = 0;
  constructor(readonly folder: ServedFolder) {}
  openFile(path: string): Promise<ServedFile> {
    this.opened += 1;
    return this.folder.openFile(path);
  }
}

/** Long enough after the files of a test were written. */
const later = (): number => Date.now() + 10_000;

let counting: Counting;
beforeEach(async () => {
  await disk.write('served/file', CONTENT);
  counting = new Counting(await ServedFolder.open(disk.path('served')));
});

async function version(path = 'file'): Promise<HashedFile> {
  const { handle, etag, size } = await counting.folder.openFile(path);
  await handle.close();
  return { path, etag, size };
}

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

test('is the SHA-256 of the whole file, computed once for all who ask', async () => {
  const cache = new HashCache(counting, { now: later });
  const file = await version();
  const digests = await Promise.all([1, 2, 3].map(() => cache.sha256(file, wanted)));
  expect(new Set(digests)).toEqual(new Set([sha256(CONTENT)]));
  expect(await cache.sha256(file, wanted)).toBe(sha256(CONTENT));
  expect(counting.opened).toBe(1);
});

test('a new version of the file has a digest of its own', async () => {
  const cache = new HashCache(counting, { now: later });
  await cache.sha256(await version(), wanted);
  await appendFile(disk.path('served/file'), '!');
  const changed = Buffer.concat([CONTENT, Buffer.from('!')]);
  expect(await cache.sha256(await version(), wanted)).toBe(sha256(changed));
  expect(counting.opened).toBe(2);
});

test('a version that is gone fails, and the failure is not remembered', async () => {
  const cache = new HashCache(counting, { now: later });
  const old = await version();
  await utimes(disk.path('served/file'), 1, 1);
  await expect(cache.sha256(old, wanted)).rejects.toMatchObject({ code: 'ERR_KWIK_SOURCE_FAILED' });
  expect(await cache.sha256(await version(), wanted)).toBe(sha256(CONTENT));
});

test('remembers no more than it may, the newest', async () => {
  const cache = new HashCache(counting, { entries: 2, now: later });
  for (const name of ['one', 'two', 'three']) {
    await disk.write(`served/${name}`, name);
    await cache.sha256(await version(name), wanted);
  }
  expect(counting.opened).toBe(3);
  await cache.sha256(await version('three'), wanted);
  await cache.sha256(await version('two'), wanted);
  expect(counting.opened).toBe(3);
  expect(await cache.sha256(await version('one'), wanted)).toBe(sha256(Buffer.from('one')));
  expect(counting.opened).toBe(4);
});

test('whoever leaves is told, and the others are served', async () => {
  const cache = new HashCache(counting, { now: later });
  const file = await version();
  const leaving = new AbortController();
  const left = cache.sha256(file, leaving.signal);
  const stayed = cache.sha256(file, wanted);
  leaving.abort();
  await expect(left).rejects.toMatchObject({ code: 'ERR_KWIK_ABORTED' });
  expect(await stayed).toBe(sha256(CONTENT));
});

test('when all have left the work stops, and can begin again', async () => {
  const cache = new HashCache(counting, { now: later });
  const file = await version();
  const leaving = new AbortController();
  const left = cache.sha256(file, leaving.signal);
  leaving.abort();
  await expect(left).rejects.toMatchObject({ code: 'ERR_KWIK_ABORTED' });
  expect(await cache.sha256(file, wanted)).toBe(sha256(CONTENT));
});

test.each([0, 1, 262_144, 262_145, 1_000_000])('the digest of the first %d bytes', async (length) => {
  const handle = await open(disk.path('served/file'));
  expect(await sha256OfPrefix(handle, length, { signal: wanted })).toBe(sha256(CONTENT.subarray(0, length)));
  await handle.close();
});

test('a beginning is computed once for all who ask, beside the whole', async () => {
  const cache = new HashCache(counting, { now: later });
  const file = await version();
  const digests = await Promise.all([1, 2, 3].map(() => cache.sha256(file, wanted, 300_000)));
  expect(new Set(digests)).toEqual(new Set([sha256(CONTENT.subarray(0, 300_000))]));
  expect(await cache.sha256(file, wanted)).toBe(sha256(CONTENT));
  expect(await cache.sha256(file, wanted, 300_000)).toBe(digests[0]);
  expect(counting.opened).toBe(2);
});

test('a file that has only just changed is looked at each time', async () => {
  const cache = new HashCache(counting);
  const file = await version();
  await cache.sha256(file, wanted);
  await cache.sha256(file, wanted);
  expect(counting.opened).toBe(2);
});

test('content changed in place, with its old time, has another digest', async () => {
  const cache = new HashCache(counting, { now: later });
  const path = disk.path('served/file');
  const { atime, mtime } = await stat(path);
  expect(await cache.sha256(await version(), wanted)).toBe(sha256(CONTENT));
  const handle = await open(path, 'r+');
  await handle.write('KWIK', 0);
  await handle.close();
  await utimes(path, atime, mtime);
  const changed = Buffer.concat([Buffer.from('KWIK'), CONTENT.subarray(4)]);
  expect(await cache.sha256(await version(), wanted)).toBe(sha256(changed));
});

test('what was forgotten is looked at again', async () => {
  const cache = new HashCache(counting, { now: later });
  const file = await version();
  await cache.sha256(file, wanted);
  cache.forget(file);
  expect(await cache.sha256(file, wanted)).toBe(sha256(CONTENT));
  expect(counting.opened).toBe(2);
});

test('a few are computed at a time, and who asks for too many different ones is refused', async () => {
  const cache = new HashCache(counting, { now: later });
  const file = await version();
  const asked = Array.from({ length: 300 }, (_, index) => cache.sha256(file, wanted, 500_000 + index));
  const outcomes = await Promise.allSettled(asked);
  const refused = outcomes.filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(300 - 4 - 256);
  expect(refused[0]).toMatchObject({ reason: { code: 'ERR_KWIK_LIMIT_EXCEEDED' } });
  expect(counting.opened).toBe(4 + 256);
});
