import { open, truncate } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { FileSource } from './file-source.js';

const disk = temporaryFolder();
const wanted = new AbortController().signal;

async function sourceOf(content: string, offset: number, owned = true): Promise<FileSource> {
  const handle = await open(await disk.write('file', content));
  return new FileSource(handle, content.length, { offset, owned });
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

test('is the file from the offset on', async () => {
  const source = await sourceOf('0123456789', 4);
  expect(source.size).toBe(6n);
  expect(text(await source.read(0n, 6, wanted))).toBe('456789');
  expect(text(await source.read(2n, 3, wanted))).toBe('678');
  expect(text(await source.read(6n, 0, wanted))).toBe('');
  await source.close();
});

test.each([
  [0n, 7],
  [6n, 1],
  [-1n, 1],
  [0n, -1],
  [2n ** 60n, 1],
])('refuses %d+%d of 6 bytes', async (offset, length) => {
  const source = await sourceOf('0123456789', 4);
  await expect(source.read(offset, length, wanted)).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
  await source.close();
});

test('a file that became shorter fails, instead of giving other bytes', async () => {
  const source = await sourceOf('0123456789', 0);
  await truncate(disk.path('file'), 5);
  expect(text(await source.read(0n, 5, wanted))).toBe('01234');
  await expect(source.read(3n, 4, wanted)).rejects.toMatchObject({ code: 'ERR_KWIK_SOURCE_FAILED' });
  await source.close();
});

test('bytes that nobody wants any more are not read', async () => {
  const source = await sourceOf('0123456789', 0);
  await expect(source.read(0n, 4, AbortSignal.abort())).rejects.toMatchObject({ code: 'ERR_KWIK_ABORTED' });
  await source.close();
});

test('closes the file only if it owns it, and once', async () => {
  const owner = await sourceOf('0123', 0);
  await Promise.all([owner.close(), owner.close()]);
  await expect(owner.read(0n, 1, wanted)).rejects.toThrow();

  const handle = await open(disk.path('file'));
  const guest = new FileSource(handle, 4, { offset: 0, owned: false });
  await guest.close();
  expect(text(await guest.read(0n, 4, wanted))).toBe('0123');
  await handle.close();
});
