import { execFile } from 'node:child_process';
import { channel } from 'node:diagnostics_channel';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pause } from '@kwik/testbed';
import { findProgram } from '@kwik/testbed/programs';
import { CounterRegistry, DiagnosticPublisher, type PathReading } from '@kwik/wire';
import { checkQlog, QlogSchema } from '../test-support/qlog-schema.js';
import { pathReading, sessionReading } from '../test-support/sources.js';
import { QlogFolder, type QlogOptions } from './qlog-folder.js';

const JQ = findProgram('jq');
const publisher = new DiagnosticPublisher(channel);
const SESSION = { sessionId: 'a1b2c3d4e5f60718', role: 'client' } as const;
const PATH = { ...SESSION, pathId: 1, address: '192.0.2.1:4433', server: 'north' } as const;

let folder: string;
const open: QlogFolder[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kwik-qlog-'));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((qlog) => qlog.close()));
  await rm(folder, { recursive: true, force: true });
});

async function qlogOf(options: Partial<QlogOptions> = {}): Promise<QlogFolder> {
  const qlog = await QlogFolder.open({ folder, counters: new CounterRegistry(), ...options });
  open.push(qlog);
  return qlog;
}

/** A session from its beginning to its end, with all that can happen in between. */
function live(counters: CounterRegistry, qlog: QlogFolder, sessionId: string = SESSION.sessionId): void {
  const of = { ...SESSION, sessionId };
  const path = { ...PATH, sessionId };
  let paths: PathReading[] = [pathReading({ pathId: 1 })];
  let decisions = {};
  let nowMs = 1000;
  const read = () => sessionReading({ ...of, openedAtMs: 1000, nowMs, paths, counts: { decisions } });
  const leave = counters.add({ kind: 'session', role: 'client', read });
  publisher.publish('kwik:session:opened', () => ({ ...of, atMs: 1000 }));
  publisher.publish('kwik:path:changed', () => ({ ...path, atMs: 1001, primary: true, state: 'active', reason: '' }));
  qlog.sample();
  nowMs = 1250;
  paths = [
    pathReading({
      pathId: 1,
      rttMs: 44,
      datagramBytes: 1400,
      reinjectedBytes: 90,
      flow: 'stalled',
      unused: 'it stopped',
    }),
  ];
  decisions = { 'first-arrival': 3 };
  qlog.sample();
  publisher.publish('kwik:path:failover', () => ({
    ...path,
    atMs: 1200,
    cause: 'stalled',
    gapMs: 31,
    reason: 'it stopped',
  }));
  publisher.publish('kwik:path:refused', () => ({
    ...of,
    atMs: 1260,
    address: 'x:1',
    code: 'ERR_KWIK_TIMEOUT',
    message: 'no',
  }));
  publisher.publish('kwik:peer:violation', () => ({
    ...path,
    atMs: 1270,
    code: 'ERR_KWIK_INVALID_FRAME',
    message: 'a\nb',
  }));
  publisher.publish('kwik:content:started', () => ({ ...of, atMs: 1280, streamId: 4n, bytes: 10, sources: 2 }));
  const failed = { errorCode: 'ERR_KWIK_TIMEOUT', message: 'late' } as const;
  publisher.publish('kwik:content:finished', () => ({ ...of, atMs: 1290, streamId: 4n, bytes: 10, ...failed }));
  const died = { state: 'dead', reason: 'silent', errorCode: 'ERR_KWIK_IDLE_TIMEOUT' } as const;
  publisher.publish('kwik:path:changed', () => ({ ...path, atMs: 1300, primary: true, ...died }));
  leave();
  const closed = { by: 'local', code: 0, reason: '', durationMs: 400, traffic: pathReading() } as const;
  publisher.publish('kwik:session:closed', () => ({ ...of, atMs: 1400, ...closed }));
}

const files = async (): Promise<string[]> => (await readdir(folder)).filter((name) => name.endsWith('.sqlog')).sort();
const textOf = async (name: string): Promise<string> => readFile(join(folder, name), 'utf8');

describe('a qlog of a session', () => {
  it('is a sequence of valid records, with QUIC events and our own, and a group for each path', async () => {
    const counters = new CounterRegistry();
    const qlog = await qlogOf({ counters });
    live(counters, qlog);
    await qlog.close();
    const [name = ''] = await files();
    expect(name).toMatch(/^kwik-\d{8}T\d+-p\d+-a1b2c3d4e5f60718-client\.sqlog$/u);
    const { header, events } = checkQlog(await textOf(name));
    expect(header.trace.vantage_point).toEqual({ name: 'kwik client', type: 'client' });
    expect(new Set(events.map((event) => event.name))).toEqual(
      new Set([
        'kwik:session_opened',
        'kwik:path_state_updated',
        'quic:recovery_metrics_updated',
        'quic:mtu_updated',
        'kwik:path_traffic',
        'kwik:path_use_updated',
        'kwik:reinjection',
        'kwik:scheduling',
        'kwik:path_failover',
        'kwik:path_refused',
        'kwik:peer_violation',
        'kwik:content_started',
        'kwik:content_finished',
        'quic:connection_closed',
        'kwik:session_closed',
      ]),
    );
    expect(events.at(-1)).toMatchObject({ group_id: SESSION.sessionId, data: { sent: 1000, wire_received: 6000 } });
    const group = `${SESSION.sessionId}/1`;
    expect(events.filter((event) => event.group_id === group).map((event) => event.name)).toContain('quic:mtu_updated');
    expect(events.find((event) => event.name === 'quic:connection_closed')?.data).toMatchObject({
      trigger: 'idle_timeout',
    });
    expect(events.filter((event) => event.name === 'quic:mtu_updated').map((event) => event.data)).toEqual([
      { new: 1350 },
      { old: 1350, new: 1400 },
    ]);
    expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
  });

  // eslint-disable-next-line no-restricted-syntax -- a machine without the program cannot run it
  (JQ === undefined ? it.skip : it)(
    'is read by jq, and is a valid qlog of one JSON document after it (jq)',
    async () => {
      const counters = new CounterRegistry();
      const qlog = await qlogOf({ counters });
      live(counters, qlog);
      await qlog.close();
      const [name = ''] = await files();
      const { header, events } = checkQlog(await textOf(name));
      const filter = fileURLToPath(new URL('../../../../docs/operations/qlog/contained.jq', import.meta.url));
      const { stdout } = await promisify(execFile)(JQ!, ['--seq', '-s', '-f', filter, join(folder, name)]);
      const contained = JSON.parse(stdout.replace('\u001e', '')) as { readonly traces: readonly object[] };
      new QlogSchema().check('QlogFile', contained);
      expect(contained).toMatchObject({ file_schema: 'urn:ietf:params:qlog:file:contained' });
      expect(contained.traces).toEqual([{ ...header.trace, events }]);
    },
  );

  it('tells of the path of a session that was over before the next sample', async () => {
    const counters = new CounterRegistry();
    const qlog = await qlogOf({ counters });
    const paths = [pathReading({ pathId: 1 })];
    const leave = counters.add({
      kind: 'session',
      role: 'client',
      read: () => sessionReading({ ...SESSION, openedAtMs: 0, nowMs: 0, paths }),
    });
    publisher.publish('kwik:session:opened', () => ({ ...SESSION, atMs: 0 }));
    await new Promise((done) => setImmediate(done));
    leave();
    const closed = { by: 'local', code: 0, reason: '', durationMs: 2, traffic: pathReading() } as const;
    publisher.publish('kwik:session:closed', () => ({ ...SESSION, atMs: 2, ...closed }));
    await qlog.close();
    const names = checkQlog(await textOf((await files())[0]!)).events.map(({ name }) => name);
    expect(names[0]).toBe('kwik:session_opened');
    expect(names).toEqual(expect.arrayContaining(['kwik:path_state_updated', 'kwik:path_traffic']));
    expect(names.at(-1)).toBe('kwik:session_closed');
  });

  it('keeps to its size, and says that it is full', async () => {
    const qlog = await qlogOf({ maxFileBytes: 4096 });
    publisher.publish('kwik:session:opened', () => ({ ...SESSION, atMs: 0 }));
    for (let atMs = 0; atMs < 500; atMs++) {
      publisher.publish('kwik:path:changed', () => ({
        ...PATH,
        atMs,
        primary: true,
        state: 'active',
        reason: 'x'.repeat(90),
      }));
    }
    await qlog.close();
    const text = await textOf((await files())[0]!);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096);
    expect(checkQlog(text).events.at(-1)).toMatchObject({ name: 'kwik:file_full' });
  });

  it('says how much a slow disk made it leave out, at the end at the latest', async () => {
    const faults: Error[] = [];
    const qlog = await qlogOf({ onFault: (error) => faults.push(error) });
    publisher.publish('kwik:session:opened', () => ({ ...SESSION, atMs: 0 }));
    const told = { ...PATH, primary: true, state: 'active', reason: 'x'.repeat(50_000) } as const;
    // Nothing is written before this turn of the event loop ends.
    for (let atMs = 0; atMs < 30; atMs++) publisher.publish('kwik:path:changed', () => ({ ...told, atMs }));
    await qlog.close();
    const { events } = checkQlog(await textOf((await files())[0]!));
    const changes = events.filter(({ name }) => name === 'kwik:path_state_updated').length;
    expect(changes).toBeLessThan(30);
    expect(events.at(-1)).toMatchObject({ name: 'kwik:records_dropped', data: { records: 30 - changes } });
    expect(faults).toEqual([]);
  });

  it('ends once, wherever it becomes full, also with what says that something was left out', async () => {
    const faults: Error[] = [];
    const onFault = (error: Error): void => void faults.push(error);
    const maxFileBytes = 1_100_000;
    const open = (sessionId: string): void =>
      publisher.publish('kwik:session:opened', () => ({ ...SESSION, sessionId, atMs: 0 }));
    const tell = (sessionId: string, reason: string): void => {
      const told = { ...PATH, sessionId, atMs: 1, primary: true, state: 'active', reason } as const;
      publisher.publish('kwik:path:changed', () => told);
    };
    const sizes = async (): Promise<number[]> =>
      Promise.all((await files()).map(async (name) => (await stat(join(folder, name))).size));
    const probe = await qlogOf();
    open('s00');
    tell('s00', '');
    await probe.close();
    const [overhead = 0] = await sizes();

    const qlog = await qlogOf({ maxFileBytes, onFault });
    for (let index = 10; index < 30; index++) {
      open(`s${index}`);
      // Room for the last record is kept, and a little more, which differs.
      tell(`s${index}`, 'x'.repeat(maxFileBytes - 512 - overhead - 8 * (index - 10)));
      tell(`s${index}`, 'left out');
    }
    while ((await sizes()).filter((size) => size > maxFileBytes - 1_000).length < 20) await pause(5);
    // What is on the disk already may count as waiting for it for a moment yet; what is told meanwhile is left out as well.
    const full = async (): Promise<number> => {
      const texts = await Promise.all((await files()).map(textOf));
      return texts.filter((text) => text.includes('kwik:file_full')).length;
    };
    do {
      for (let index = 10; index < 30; index++) tell(`s${index}`, 'after it');
      await pause(5);
    } while ((await full()) < 20);
    await qlog.close();
    const ends = new Map<string, number>();
    for (const name of await files()) {
      const text = await textOf(name);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(maxFileBytes);
      const [last = ''] = checkQlog(text)
        .events.slice(-1)
        .map((event) => event.name);
      ends.set(last, (ends.get(last) ?? 0) + 1);
    }
    expect(ends).toEqual(
      new Map([
        ['kwik:path_state_updated', 1],
        ['kwik:file_full', 20],
      ]),
    );
    expect(faults).toEqual([]);
  });

  it('is not begun by what is told of a session that has ended', async () => {
    const qlog = await qlogOf();
    live(new CounterRegistry(), qlog);
    const late = { ...SESSION, atMs: 1401, streamId: 8n, bytes: 1, message: 'the session has ended' } as const;
    publisher.publish('kwik:content:finished', () => ({ ...late, errorCode: 'ERR_KWIK_SESSION_CLOSED' }));
    await qlog.close();
    expect(await files()).toHaveLength(1);
  });

  it('of a session that was there before counts from when that began, whatever other sessions do', async () => {
    const counters = new CounterRegistry();
    const read = (): never => {
      throw new Error('broken');
    };
    counters.add({ kind: 'session', role: 'client', read });
    const paths = [pathReading({ minRttMs: Infinity, windowBytes: Infinity })];
    const reading = sessionReading({ openedAtMs: 1000, nowMs: 3_601_000, paths });
    counters.add({ kind: 'session', role: 'client', read: () => reading });
    await (await qlogOf({ counters })).close();
    const { header, events } = checkQlog(await textOf((await files())[0]!));
    const since = Date.parse(header.trace.common_fields.reference_time.wall_clock_time);
    expect(Math.abs(Date.now() - since - 3_600_000)).toBeLessThan(120_000);
    expect(events[0]!.time).toBe(3_600_000);
    expect(events.find(({ name }) => name === 'quic:recovery_metrics_updated')?.data).not.toHaveProperty('min_rtt');
  });

  it('replaces the oldest, and touches nothing else in the folder', async () => {
    const old = 'kwik-20250101T000000000-a1b2-client.sqlog';
    await writeFile(join(folder, old), '');
    await writeFile(join(folder, 'mine.sqlog'), '');
    const counters = new CounterRegistry();
    const qlog = await qlogOf({ counters, maxFiles: 3 });
    for (const id of ['one', 'two', 'three', 'four', 'five']) live(counters, qlog, id);
    await qlog.close();
    const left = await files();
    expect(left.filter((name) => name.startsWith('kwik-'))).toHaveLength(3);
    expect(left).toContain('mine.sqlog');
    expect(left).not.toContain(old);
  });

  it('leaves what another process may be writing, and deletes what one that is gone has left', async () => {
    const [living, gone] = [process.ppid, 2 ** 31 - 1].map(
      (pid) => `kwik-20250101T000000000-p${pid}-a1b2-client.sqlog`,
    );
    for (const name of [living!, gone!]) await writeFile(join(folder, name), '');
    const counters = new CounterRegistry();
    const qlog = await qlogOf({ counters, maxFiles: 2 });
    for (const id of ['one', 'two', 'three']) live(counters, qlog, id);
    await qlog.close();
    const left = await files();
    expect(left).toHaveLength(2);
    expect([left.includes(living!), left.includes(gone!)]).toEqual([true, false]);
  });

  it('is written of 64 sessions at once, and of others when those have ended', async () => {
    const qlog = await qlogOf();
    for (let index = 0; index < 100; index++) {
      publisher.publish('kwik:session:opened', () => ({ ...SESSION, sessionId: `s${index}`, atMs: 0 }));
    }
    await qlog.close();
    expect(await files()).toHaveLength(64);
  });

  it('costs no one but itself when the disk refuses it', async () => {
    const faults: string[] = [];
    const onFault = (error: Error): never => {
      faults.push(error.message);
      throw new Error('of the application');
    };
    const qlog = await qlogOf({ onFault });
    await rm(folder, { recursive: true });
    publisher.publish('kwik:session:opened', () => ({ ...SESSION, atMs: 0 }));
    publisher.publish('kwik:path:changed', () => ({ ...PATH, atMs: 1, primary: true, state: 'active', reason: '' }));
    await qlog.close();
    await qlog.close();
    expect(faults).toEqual([expect.stringContaining('ENOENT')]);
  });

  it.each([{ maxFiles: 0 }, { maxFiles: Number.NaN }, { maxFileBytes: 100 }])('is refused with %j', async (bounds) => {
    await expect(qlogOf(bounds)).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
  });

  it('is refused for a folder that cannot be one', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(qlogOf({ folder: join(folder, 'file') })).rejects.toMatchObject({ code: 'ERR_KWIK_LOCAL_FILE' });
  });
});
