import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { appendFile, readFile, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '@kwik/testbed';
import type { AuditEvent, TimerHandle } from '@kwik/wire';
import fc from 'fast-check';
import { noteKey, NOTE_COSIGNATURE, rawPublicKey } from '../notes/note-key.js';
import { cosign, NoteSigner } from '../notes/signed-note.js';
import { temporaryFolder } from '../test-support/temporary-folder.js';
import { auditKey } from './audit-key.js';
import { AuditLog, type AuditLogOptions } from './audit-log.js';
import { systemDisk, type LogDisk } from './log-file.js';
import { verifyAuditLog, type AuditVerification } from './verify-log.js';

const ORIGIN = 'example.org/server-1';
const { privateKey } = generateKeyPairSync('ed25519');
const signer = new NoteSigner(ORIGIN, privateKey);
const AT_MS = Date.UTC(2026, 10, 29);

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let path: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  path = folder.file('audit.log');
});
afterEach(async () => folder[Symbol.asyncDispose]());

/** Timers that fire when the test says so. */
class Timers {
  readonly #due = new Set<() => void>();

  readonly schedule = (_delayMs: number, callback: () => void): TimerHandle => {
    this.#due.add(callback);
    return { cancel: () => void this.#due.delete(callback) };
  };

  fire(): void {
    const due = [...this.#due];
    this.#due.clear();
    for (const callback of due) callback();
  }

  get armed(): number {
    return this.#due.size;
  }
}

const open = (options: Partial<AuditLogOptions> = {}): Promise<AuditLog> =>
  AuditLog.open({
    path,
    key: privateKey,
    origin: ORIGIN,
    fsync: 'never',
    ...options,
    runtime: { wallClockMs: () => AT_MS, schedule: new Timers().schedule, ...options.runtime },
  });

const event = (number: number): AuditEvent => ({
  kind: 'session-opened',
  sessionId: number.toString(16).padStart(32, '0'),
  identity: `client ${number}`,
});

async function written(count: number, options: Partial<AuditLogOptions> = {}): Promise<void> {
  const log = await open(options);
  for (let number = 0; number < count; number++) {
    log.record(event(number));
    if (number % 5 === 0) await log.flush();
  }
  await log.close();
}

const lines = async (file = path): Promise<string[]> => (await readFile(file, 'utf8')).split('\n').slice(0, -1);
const write = (all: readonly string[]): Promise<void> => writeFile(path, all.map((line) => `${line}\n`).join(''));
const texts = ({ faults }: AuditVerification): string => faults.map(({ line, text }) => `${line}: ${text}`).join('\n');
const verify = (options: Parameters<typeof verifyAuditLog>[1] = {}): Promise<AuditVerification> =>
  verifyAuditLog(path, { key: signer.key, ...options });

describe('an audit log', () => {
  test('holds what was recorded, in order, and verifies', async () => {
    await written(20);
    const seen: string[] = [];
    const verified = await verify({ onEntry: ({ kind }) => seen.push(kind) });
    expect(verified).toMatchObject({
      from: 0,
      to: 22,
      signed: 22,
      closed: true,
      tornBytes: 0,
      faults: [],
      keyGiven: true,
    });
    expect(seen).toEqual(['log-opened', ...Array<string>(20).fill('session-opened'), 'log-closed']);
    expect(verified.firstAt).toBe('2026-11-29T00:00:00.000Z');
  });

  test('that is closed twice at once is whole for both', async () => {
    const log = await open();
    log.record(event(1));
    let isWhole = false;
    const first = log.close().then(() => (isWhole = true));
    await log.close();
    expect(isWhole).toBe(true);
    await Promise.all([first, log[Symbol.asyncDispose]()]);
    expect(await verify()).toMatchObject({ to: 3, signed: 3, closed: true });
  });

  test('goes on where it was when it is opened again', async () => {
    for (const count of [3, 0, 5]) await written(count);
    expect(await verify()).toMatchObject({ to: 14, signed: 14, faults: [] });
  });

  test('goes on in further files, each of which says what came before', async () => {
    await written(100, { maxFileBytes: 2000, checkpointEntries: 10 });
    await written(1, { maxFileBytes: 2000 });
    const verified = await verify();
    expect(verified.files.length).toBeGreaterThan(3);
    expect(verified).toMatchObject({ from: 0, to: 105, signed: 105, faults: [] });
    // The older ones may be kept elsewhere.
    for (const file of verified.files.slice(0, 2)) await rm(file);
    const rest = await verify();
    expect(rest.from).toBeGreaterThan(0);
    expect(rest).toMatchObject({ to: 105, signed: 105, faults: [] });
  });

  test('is opened after a crash in the middle of a line: the line is cut off, and that is written down', async () => {
    await written(3);
    await appendFile(path, '{"n":5,"at":"2026');
    expect(await verify()).toMatchObject({ tornBytes: 17, faults: [] });
    await written(1);
    const seen: unknown[] = [];
    expect(await verify({ onEntry: (entry) => seen.push(entry['detail']) })).toMatchObject({
      tornBytes: 0,
      faults: [],
    });
    expect(seen).toContain('17 bytes of a broken line were cut off');
  });

  test('is opened after a crash between two files', async () => {
    await written(3);
    await rename(path, `${path}.1`);
    for (const leftOver of [undefined, '', '{"log":']) {
      if (leftOver !== undefined) await writeFile(path, leftOver);
      await written(1);
      expect(texts(await verify())).toBe('');
      const number = (await readdir(folder.path)).filter((name) => /\.\d$/u.test(name)).length;
      await rename(path, `${path}.${number + 1}`);
    }
  });

  test('has neither line ends nor terminal codes of a peer, and no text beyond 256 characters', async () => {
    const log = await open();
    log.record({ kind: 'refused', identity: 'a"\n{"n":1}', detail: `\u001b[2J\u202e${'x'.repeat(1000)}` });
    await log.close();
    const all = await lines();
    expect(all).toHaveLength(6);
    expect(all.join('')).not.toMatch(/\\u001b|\u202e/u);
    expect(Math.max(...all.slice(3).map((line) => line.length))).toBeLessThan(600);
    expect(texts(await verify())).toBe('');
  });

  test('is no pipe, for which one would wait for ever', async () => {
    execFileSync('mkfifo', [path]);
    const refusal = { code: 'ERR_KWIK_LOCAL_FILE', message: expect.stringMatching(/is no file/u) };
    await expect(open()).rejects.toMatchObject(refusal);
    await expect(verifyAuditLog(path)).rejects.toMatchObject(refusal);
  });

  test('takes an entry whose members are no text, and those after it', async () => {
    const log = await open();
    const facts = { number: 1n, list: [1, 2] } as unknown as Record<string, string>;
    log.record({ kind: 'refused', detail: 5 as unknown as string, facts });
    log.record({ kind: 'refused', detail: 'the next' });
    await log.close();
    const all = (await lines()).join('\n');
    expect(all).toContain('"detail":"5","facts":{"number":"1","list":"1,2"}');
    expect(all).toContain('the next');
    expect(texts(await verify())).toBe('');
  });

  test('signs after so many entries, after a pause, and not when nothing is new', async () => {
    const timers = new Timers();
    const log = await open({ checkpointEntries: 4, runtime: { schedule: timers.schedule } });
    for (let number = 0; number < 4; number++) log.record(event(number));
    await log.flush();
    const atOnce = log.stats().checkpoint;
    expect(atOnce).toContain(`${ORIGIN}\n5\n`);
    log.record(event(5));
    await log.flush();
    expect(log.stats().checkpoint).toBe(atOnce);
    timers.fire();
    await until(() => log.stats().checkpoint !== atOnce);
    expect(log.stats().checkpoint).toContain(`${ORIGIN}\n6\n`);
    await log.flush();
    expect(timers.armed).toBe(0);
    expect(await readFile(`${path}.checkpoint`, 'utf8')).toBe(log.stats().checkpoint);
    await log.close();
  });
});

describe('verification finds', () => {
  beforeEach(() => written(10));

  test('an entry that was edited', async () => {
    const all = await lines();
    await write(all.map((line) => line.replace('client 4', 'client 5')));
    expect(texts(await verify())).toMatch(/edited or replaced/u);
  });

  test('an entry that was cut out', async () => {
    await write((await lines()).filter((line) => !line.includes('client 4')));
    expect(texts(await verify())).toMatch(/entry 6 where 5 is due: entries were cut out/u);
  });

  test('entries that were swapped', async () => {
    const all = await lines();
    [all[5], all[6]] = [all[6]!, all[5]!];
    await write(all);
    expect(texts(await verify())).toMatch(/cut out[^]*swapped or repeated/u);
  });

  test('a log that was cut off at its end, at a checkpoint too', async () => {
    const all = await lines();
    for (const length of [all.length - 2, 8, 3]) {
      await write(all.slice(0, length));
      expect(texts(await verify())).toMatch(/ends after \d+ entries, and a checkpoint is there of 12: truncated/u);
    }
  });

  test('that, and a removed checkpoint beside it, by one that was kept elsewhere', async () => {
    const kept = await readFile(`${path}.checkpoint`, 'utf8');
    await rm(`${path}.checkpoint`);
    await write((await lines()).slice(0, 3));
    expect(texts(await verify())).toBe('');
    expect(texts(await verify({ checkpoints: [kept] }))).toMatch(/truncated/u);
  });

  test('a fork: another log of the same key', async () => {
    const kept = await readFile(`${path}.checkpoint`, 'utf8');
    await rm(path);
    await rm(`${path}.checkpoint`);
    await written(11, { runtime: { wallClockMs: () => AT_MS + 1 } });
    expect(texts(await verify())).toBe('');
    expect(texts(await verify({ checkpoints: [kept] }))).toMatch(/other 12 entries: the log was forked/u);
  });

  test('a log that somebody else wrote anew, with a key of their own', async () => {
    await rm(path);
    await rm(`${path}.checkpoint`);
    await written(10, { key: generateKeyPairSync('ed25519').privateKey });
    expect(texts(await verify())).toMatch(/not signed by the key of this log/u);
    expect(texts(await verifyAuditLog(path))).toBe('');
  });

  test('a file in the middle that is gone', async () => {
    await written(100, { maxFileBytes: 2000 });
    await rm(`${path}.2`);
    expect(texts(await verify())).toMatch(/a file is missing, or was replaced/u);
  });

  test('signatures that are gone', async () => {
    await write((await lines()).filter((line) => !line.startsWith('{"checkpoint"')));
    await rm(`${path}.checkpoint`);
    expect(texts(await verify())).toMatch(/nothing of it is signed/u);
  });

  test('that a witness has not seen it', async () => {
    const witness = generateKeyPairSync('ed25519');
    const key = noteKey('witness', rawPublicKey(witness.publicKey), NOTE_COSIGNATURE);
    const own = await readFile(`${path}.checkpoint`, 'utf8');
    expect(texts(await verify({ checkpoints: [own], witnesses: [key] }))).toMatch(
      /no checkpoint is cosigned by witness/u,
    );
    const seen = cosign(own, 'witness', witness.privateKey, AT_MS);
    expect(texts(await verify({ checkpoints: [seen], witnesses: [key] }))).toBe('');
  });

  test('any change of any byte', async () => {
    const before = await readFile(path);
    await fc.assert(
      fc.asyncProperty(fc.nat(before.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const after = Buffer.from(before);
        after[at] = before[at]! ^ change;
        await writeFile(path, after);
        const { faults, tornBytes } = await verify();
        expect(faults.length + tornBytes).toBeGreaterThan(0);
      }),
      { numRuns: 150 },
    );
  });

  test('any lines that are gone, doubled or in another order', async () => {
    const all = await lines();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(all.length - 1), { maxLength: 2 * all.length }), async (order) => {
        fc.pre(order.length !== all.length || order.some((line, index) => line !== index));
        await write(order.map((line) => all[line]!));
        expect((await verify()).faults.length).toBeGreaterThan(0);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a log that is not as it was written', () => {
  test.each([
    ['edited', async () => write((await lines()).map((line) => line.replace('client 1', 'client 2')))],
    ['cut off', async () => truncate(path, (await stat(path)).size - 400)],
    ['removed', () => rm(path)],
    [
      'another’s',
      () => written(0, { path: folder.file('other'), origin: 'other' }).then(() => rename(folder.file('other'), path)),
    ],
  ])('is not written to any more: %s', async (_how, change) => {
    await written(5);
    await change();
    await expect(open()).rejects.toMatchObject({ code: 'ERR_KWIK_LOCAL_FILE' });
  });

  test('nor by two at once', async () => {
    const one = await open();
    const other = await open();
    one.record(event(1));
    await one.flush().catch(() => undefined);
    other.record(event(2));
    await other.flush().catch(() => undefined);
    expect([one.fault, other.fault].filter((fault) => fault !== undefined)).not.toEqual([]);
    await Promise.allSettled([one.close(), other.close()]);
    expect(texts(await verify())).toBe('');
  });
});

/** A disk that has room for so many bytes. */
function smallDisk(): { readonly disk: LogDisk; room: number } {
  const real = systemDisk();
  const state = {
    room: 0,
    disk: {
      ...real,
      open: async (file: string) => {
        const handle = await real.open(file);
        return {
          ...handle,
          append: async (bytes: Uint8Array) => {
            const fits = bytes.subarray(0, state.room);
            state.room -= fits.length;
            await handle.append(fits);
            if (fits.length < bytes.length) throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
          },
        };
      },
    } satisfies LogDisk,
  };
  return state;
}

describe('a full disk', () => {
  test.each([
    ['stop', true],
    ['continue', false],
  ] as const)('with the policy to %s: what waits is written when there is room, whole', async (onFailure, stops) => {
    const small = smallDisk();
    small.room = 4000;
    const timers = new Timers();
    const log = await open({ onFailure, runtime: { disk: small.disk, schedule: timers.schedule } });
    for (let number = 0; number < 100; number++) log.record(event(number));
    await expect(log.flush()).rejects.toMatchObject({ code: 'ERR_KWIK_LOCAL_FILE', message: /ENOSPC/u });
    expect(log.fault !== undefined).toBe(stops);
    expect(texts(await verify())).toBe('');
    log.record(event(100));
    small.room = 1_000_000;
    timers.fire();
    await log.flush();
    expect(log.fault).toBeUndefined();
    await log.close();
    expect(await verify()).toMatchObject({ to: 103, faults: [] });
  });

  test('events beyond 10,000 are lost, counted and told of', async () => {
    const small = smallDisk();
    small.room = 4000;
    const timers = new Timers();
    const log = await open({ runtime: { disk: small.disk, schedule: timers.schedule } });
    for (let number = 0; number < 10_100; number++) log.record(event(number));
    await log.flush().catch(() => undefined);
    for (let number = 0; number < 500; number++) log.record(event(number));
    const { lost } = log.stats();
    expect(lost).toBeGreaterThan(0);
    small.room = Number.MAX_SAFE_INTEGER;
    timers.fire();
    await log.close();
    const told: unknown[] = [];
    await verify({ onEntry: ({ kind, facts }) => kind === 'entries-lost' && told.push(facts) });
    expect(told).toEqual([{ count: lost }]);
  });

  test('a file that was full goes on in the next, also when that could not begin at first', async () => {
    const small = smallDisk();
    small.room = 100_000;
    const log = await open({ maxFileBytes: 1000, runtime: { disk: small.disk } });
    for (let round = 0; round < 40; round++) {
      log.record(event(round));
      small.room = round * 17;
      await log.flush().catch(() => undefined);
      small.room = 100_000;
      await log.flush();
    }
    await log.close();
    expect(await verify()).toMatchObject({ to: 42, signed: 42, faults: [] });
  });
});

describe('the key of a log', () => {
  test('is made once, for its owner alone', async () => {
    const file = folder.file('audit.key');
    const made = await auditKey(file);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await auditKey(file)).equals(made)).toBe(true);
  });

  test('is refused where the file holds something else', async () => {
    const file = folder.file('audit.key');
    const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' });
    for (const content of ['nothing', pem]) {
      await writeFile(file, content);
      await expect(auditKey(file)).rejects.toMatchObject({ code: 'ERR_KWIK_CREDENTIALS' });
    }
    await expect(auditKey(folder.file('no/such/folder'))).rejects.toMatchObject({ code: 'ERR_KWIK_LOCAL_FILE' });
  });
});
