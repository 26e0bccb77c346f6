import { createHash } from 'node:crypto';
import { chmod, chown, mkdtemp, readFile, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PartFile } from './part-file.js';

const URL = 'kwik://h:1/film';
const CONTENT = Buffer.alloc(2_000_000, 'kwik');
const { signal } = new AbortController();

let folder: string;
let target: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kwik-part-'));
  target = join(folder, 'film');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function partFile(options: { force?: boolean; makeFolders?: boolean } = {}): PartFile {
  return new PartFile(target, URL, { force: false, makeFolders: false, ...options });
}

/** As a download that breaks off after `bytes`. */
async function interrupted(bytes: number, size = CONTENT.length): Promise<PartFile> {
  const part = partFile();
  await part.open(signal);
  await part.begin({ ok: true, size, etag: 'v1', offset: 0 });
  await part.write(CONTENT.subarray(0, bytes));
  await part.suspend();
  return part;
}

async function store(part: PartFile): Promise<void> {
  const { offset } = await part.open(signal);
  await part.begin({ ok: true, size: CONTENT.length, etag: 'v1', offset });
  await part.write(CONTENT.subarray(offset));
  await part.commit();
}

describe('PartFile', () => {
  test('the target appears when all is written, and nothing else stays', async () => {
    const part = partFile();
    expect(await part.open(signal)).toMatchObject({ offset: 0 });
    await part.begin({ ok: true, size: CONTENT.length, etag: 'v1', offset: 0 });
    for (let at = 0; at < CONTENT.length; at += 100_000) await part.write(CONTENT.subarray(at, at + 100_000));
    expect((await readdir(folder)).sort()).toEqual(['film.kwik-part', 'film.kwik-part.json']);
    await part.commit();
    expect(await readdir(folder)).toEqual(['film']);
    expect(Buffer.compare(await readFile(target), CONTENT)).toBe(0);
  });

  test('a part is taken up with its digest and ETag', async () => {
    expect((await interrupted(1_500_000)).keptBytes).toBe(1_500_000);
    const part = partFile();
    const { offset, etag, hash } = await part.open(signal);
    expect({ offset, etag }).toEqual({ offset: 1_500_000, etag: 'v1' });
    expect(hash.digest('hex')).toBe(createHash('sha256').update(CONTENT.subarray(0, 1_500_000)).digest('hex'));
    await part.begin({ ok: true, size: CONTENT.length, etag: 'v1', offset });
    await part.write(CONTENT.subarray(offset));
    await part.commit();
    expect(Buffer.compare(await readFile(target), CONTENT)).toBe(0);
  });

  test('a part that the server does not know is written anew', async () => {
    await interrupted(1_500_000);
    const part = partFile();
    await part.open(signal);
    await part.begin({ ok: true, size: 3, etag: 'v2', offset: 0 });
    await part.write(Buffer.from('new'));
    await part.commit();
    expect(await readFile(target, 'utf8')).toBe('new');
    expect(await readdir(folder)).toEqual(['film']);
  });

  test('the ETag is that of the same URL, and of a part that can be its beginning', async () => {
    await interrupted(1_500_000);
    const other = new PartFile(target, 'kwik://h:1/other', { force: false, makeFolders: false });
    expect(await other.open(signal)).not.toHaveProperty('etag');
    await other.suspend();
    await writeFile(`${target}.kwik-part.json`, 'not JSON');
    const part = partFile();
    expect(await part.open(signal)).not.toHaveProperty('etag');
    await part.suspend();
  });

  test('small parts and wrong content are not kept', async () => {
    expect((await interrupted(500, 1000)).keptBytes).toBe(0);
    expect(await readdir(folder)).toEqual([]);
    const wrong = await interrupted(1_500_000);
    await wrong.discard();
    expect(await readdir(folder)).toEqual([]);
  });

  test('a target that exists is refused at the start, also when it appears meanwhile', async () => {
    await writeFile(target, 'mine');
    await expect(partFile().open(signal)).rejects.toThrow(/exists already; use --force/u);
    await rm(target);
    const part = partFile();
    await part.open(signal);
    await part.begin({ ok: true, size: CONTENT.length, etag: 'v1', offset: 0 });
    await part.write(CONTENT);
    await writeFile(target, 'mine');
    await expect(part.commit()).rejects.toThrow(/exists already/u);
    expect(await readFile(target, 'utf8')).toBe('mine');
    await part.suspend();
    await store(partFile({ force: true }));
    expect(Buffer.compare(await readFile(target), CONTENT)).toBe(0);
  });

  test('two downloads to one target do not mix', async () => {
    const [first, second] = [partFile(), partFile()];
    for (const part of [first, second]) {
      await part.open(signal);
      await part.begin({ ok: true, size: CONTENT.length, etag: 'v1', offset: 0 });
      await part.write(CONTENT);
    }
    await expect(first.commit()).rejects.toThrow(/another download writes to/u);
    await second.commit();
    expect(Buffer.compare(await readFile(target), CONTENT)).toBe(0);
  });

  test('folders are made if wanted; a folder as target, or a missing one, is said in words', async () => {
    target = join(folder, 'a', 'b');
    await expect(store(partFile())).rejects.toThrow(/cannot write \S+: no such file or folder/u);
    await store(partFile({ makeFolders: true }));
    target = join(folder, 'a');
    await expect(partFile().open(signal)).rejects.toThrow(/is a folder; use -d/u);
  });

  test('a file of somebody else that has the name of the part is left alone', async () => {
    await writeFile(`${target}.kwik-part`, 'mine');
    const part = partFile();
    expect(await part.open(signal)).toMatchObject({ offset: 0 });
    await part.begin({ ok: true, size: CONTENT.length, etag: 'v1', offset: 0 });
    await part.write(CONTENT.subarray(0, 1_500_000));
    await part.suspend();
    expect(await partFile().open(signal)).toMatchObject({ offset: 1_500_000, etag: 'v1' });
    await store(partFile());
    expect(await readFile(`${target}.kwik-part`, 'utf8')).toBe('mine');
    expect((await readdir(folder)).sort()).toEqual(['film', 'film.kwik-part']);
  });

  test('nor is it removed when the download breaks off, or was wrong', async () => {
    await writeFile(`${target}.kwik-part`, 'mine');
    await (await interrupted(500, 1000)).suspend();
    await (await interrupted(1_500_000)).discard();
    const untouched = partFile();
    await untouched.open(signal);
    await untouched.discard();
    expect(await readFile(`${target}.kwik-part`, 'utf8')).toBe('mine');
  });

  test.each(['film.kwik-part.json', 'film.kwik-part.json.new'])('nor is %s, when that is no note', async (name) => {
    await writeFile(join(folder, name), 'mine');
    await interrupted(1_500_000);
    await store(partFile());
    expect(await readFile(join(folder, name), 'utf8')).toBe('mine');
    expect((await readdir(folder)).sort()).toEqual(['film', name]);
  });

  test('a link in place of the part is not followed', async () => {
    await writeFile(join(folder, 'mine'), 'mine');
    await writeFile(`${target}.kwik-part.json`, JSON.stringify({ v: 1, url: URL, size: 9, etag: 'v1' }));
    await symlink('mine', `${target}.kwik-part`);
    await store(partFile());
    expect(await readFile(join(folder, 'mine'), 'utf8')).toBe('mine');
    expect(Buffer.compare(await readFile(target), CONTENT)).toBe(0);
  });

  test('a part does not lie where another download of the run goes', async () => {
    const taken = (path: string): boolean => path === `${target}.kwik-part`;
    const part = new PartFile(target, URL, { force: false, makeFolders: false, taken });
    await part.open(signal);
    await part.begin({ ok: true, size: CONTENT.length, etag: 'v1', offset: 0 });
    expect(await readdir(folder)).not.toContain('film.kwik-part');
    await part.suspend();
  });

  test('after a lost session its own part is not read again, unless somebody touched it', async () => {
    const part = partFile();
    const progress: number[] = [];
    const existing = await part.open(signal);
    await part.begin({ ok: true, size: CONTENT.length, etag: 'v1', offset: 0 });
    existing.hash.update(CONTENT.subarray(0, 1_500_000));
    await part.write(CONTENT.subarray(0, 1_500_000));
    await part.suspend();
    const again = await part.open(signal, (checked) => progress.push(checked));
    expect({ offset: again.offset, progress }).toEqual({ offset: 1_500_000, progress: [] });
    const expected = createHash('sha256').update(CONTENT.subarray(0, 1_500_000)).digest('hex');
    expect(again.hash.copy().digest('hex')).toBe(expected);
    await part.suspend();
    await utimes(part.partPath, 1, 1);
    const touched = await part.open(signal, (checked) => progress.push(checked));
    expect(progress.at(-1)).toBe(1_500_000);
    expect(touched.hash.digest('hex')).toBe(expected);
    await part.suspend();
  });

  test('a part is never more open than the file that it replaces, and keeps its owner', async () => {
    await writeFile(target, 'old', { mode: 0o600 });
    const isRoot = process.getuid?.() === 0;
    if (isRoot) await chown(target, 12_345, 23_456);
    const part = new PartFile(target, URL, { force: true, makeFolders: false, mode: 0o600 });
    await part.open(signal);
    await part.begin({ ok: true, size: CONTENT.length, etag: 'v1', offset: 0 });
    expect((await stat(part.partPath)).mode & 0o777).toBe(0o600);
    await part.write(CONTENT);
    await part.commit();
    const { mode, uid, gid } = await stat(target);
    const owner = isRoot ? { uid: 12_345, gid: 23_456 } : { uid: process.getuid?.(), gid: process.getgid?.() };
    expect({ mode: mode & 0o777, uid, gid }).toEqual({ mode: 0o600, ...owner });
  });

  test('what is overwritten keeps its mode', async () => {
    await writeFile(target, 'old');
    await chmod(target, 0o751);
    await store(new PartFile(target, URL, { force: true, makeFolders: false, mode: 0o751 }));
    expect((await stat(target)).mode & 0o7777).toBe(0o751);
  });

  test.each([236, 240, 251, 255])('a name of %d bytes is stored, resumed, and leaves nothing else', async (bytes) => {
    target = join(folder, '\u00e9'.repeat(bytes >> 1).padEnd(bytes - (bytes >> 1), 'x'));
    expect(Buffer.byteLength(basename(target))).toBe(bytes);
    await interrupted(1_500_000);
    expect(await partFile().open(signal)).toMatchObject({ offset: 1_500_000 });
    await store(partFile());
    expect(await readdir(folder)).toEqual([basename(target)]);
  });

  test('a folder cannot be where a file is', async () => {
    await writeFile(target, 'a file');
    const below = new PartFile(join(target, 'film'), URL, { force: false, makeFolders: true });
    await expect(below.open(signal)).rejects.toThrow(/cannot be a folder/u);
  });
});
