import { channel } from 'node:diagnostics_channel';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CounterRegistry, DiagnosticPublisher } from '@kwik/wire';
import { session } from '../test-support/sources.js';
import { FlightFolder } from './flight-folder.js';

const publisher = new DiagnosticPublisher(channel);
const OF = { sessionId: 'a1', role: 'client', atMs: 1, pathId: 1, address: '192.0.2.1:1', server: 'north' } as const;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kwik-flights-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function fail(): void {
  publisher.publish('kwik:path:failover', () => ({ ...OF, cause: 'stalled', gapMs: 31, reason: 'it stopped' }));
}

describe('a folder of flight recordings', () => {
  it('has a file for each failure, with what came before and after, for the owner alone', async () => {
    const counters = new CounterRegistry();
    counters.add(session());
    const flights = await FlightFolder.open({ folder, counters });
    publisher.publish('kwik:path:changed', () => ({ ...OF, primary: true, state: 'active', reason: '' }));
    fail();
    publisher.publish('kwik:path:changed', () => ({ ...OF, primary: true, state: 'dead', reason: 'silent' }));
    await flights.close();
    await flights.close();
    fail();
    const [name = '', ...others] = await readdir(folder);
    expect(others).toEqual([]);
    expect(name).toMatch(/^kwik-flight-\d{8}T\d+-p\d+-0-path-failover\.json$/u);
    const { reason, events } = JSON.parse(await readFile(join(folder, name), 'utf8')) as {
      reason: string;
      events: { name: string }[];
    };
    expect(reason).toBe('kwik:path:failover');
    expect(events.map((event) => event.name)).toEqual(['kwik:path:changed', 'kwik:path:failover', 'kwik:path:changed']);
    expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
  });

  it('keeps so many, the newest, and touches nothing else', async () => {
    await writeFile(join(folder, 'mine.json'), '');
    for (let flight = 0; flight < 4; flight++) {
      const flights = await FlightFolder.open({ folder, counters: new CounterRegistry(), maxFiles: 2 });
      fail();
      await flights.close();
    }
    const names = await readdir(folder);
    expect(names.filter((name) => name.startsWith('kwik-flight-'))).toHaveLength(2);
    expect(names).toContain('mine.json');
  });

  it('has the recording of each of those who share it, also where both delete the same old one', async () => {
    for (let old = 0; old < 3; old++) await writeFile(join(folder, `kwik-flight-${old}.json`), '');
    const faults: Error[] = [];
    const onFault = (error: Error): void => void faults.push(error);
    const options = { folder, counters: new CounterRegistry(), maxFiles: 3, onFault };
    let ms = 0;
    const at = jest
      .spyOn(Date.prototype, 'toISOString')
      .mockImplementation(() => `2026-11-29T12:00:00.${String(ms++).padStart(3, '0')}Z`);
    try {
      const sharers = await Promise.all([FlightFolder.open(options), FlightFolder.open(options)]);
      fail();
      await Promise.all(sharers.map((each) => each.close()));
    } finally {
      at.mockRestore();
    }
    expect(faults).toEqual([]);
    const names = await readdir(folder);
    expect(names.filter((name) => name.includes('path-failover'))).toHaveLength(2);
  });

  it('has no more files where they cannot be written, and says so each time', async () => {
    const at = jest.spyOn(Date.prototype, 'toISOString').mockReturnValue('2026-11-29T12:00:00.000Z');
    try {
      const taken = `kwik-flight-20261129T120000000-p${process.pid}-0-path-failover.json`;
      for (const name of ['kwik-flight-1.json', 'kwik-flight-2.json', taken]) await writeFile(join(folder, name), '');
      const faults: string[] = [];
      const onFault = ({ message }: Error): void => void faults.push(message);
      const flights = await FlightFolder.open({ folder, counters: new CounterRegistry(), maxFiles: 2, onFault });
      fail();
      await flights.close();
      expect(faults).toEqual([expect.stringContaining('EEXIST')]);
      expect(await readdir(folder)).toEqual([taken]);
    } finally {
      at.mockRestore();
    }
  });

  it.each([0, -1, 1.5, Number.NaN])('is refused with %d files', async (maxFiles) => {
    await expect(FlightFolder.open({ folder, counters: new CounterRegistry(), maxFiles })).rejects.toMatchObject({
      code: 'ERR_KWIK_INVALID_ARGUMENT',
      message: expect.stringContaining('maxFiles'),
    });
  });

  it('has nothing when nothing failed, and says once why it could not be written', async () => {
    const faults: string[] = [];
    const onFault = ({ message }: Error): void => void faults.push(message);
    const quiet = await FlightFolder.open({ folder, counters: new CounterRegistry(), onFault });
    await quiet.close();
    expect(await readdir(folder)).toEqual([]);
    const flights = await FlightFolder.open({ folder, counters: new CounterRegistry(), onFault });
    await rm(folder, { recursive: true });
    fail();
    await flights.close();
    expect(faults).toEqual([expect.stringContaining('ENOENT')]);
    await writeFile(folder, '');
    await expect(FlightFolder.open({ folder, counters: new CounterRegistry() })).rejects.toMatchObject({
      code: 'ERR_KWIK_LOCAL_FILE',
    });
  });
});
