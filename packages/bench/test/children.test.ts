import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { until } from '@kwik/testbed';
import { Children, type ChildHandle } from '../src/harness/children.js';

type WorkerCalls = {
  add(task: { a: number; b: number }): number;
  folder(task: undefined): string;
  copy(numbers: Float64Array): Float64Array;
  tell(value: unknown): void;
  fail(task: undefined): void;
  die(task: undefined): void;
  hang(task: undefined): void;
  spin(task: undefined): void;
};

const FILE = new URL('./children/worker.mjs', import.meta.url);
const DIST = new URL('../dist/harness/child.js', import.meta.url);

function start(children: Children, onTold?: (value: unknown) => void): ChildHandle<WorkerCalls> {
  if (!existsSync(DIST)) throw new Error('packages/bench/dist is missing; run `pnpm build` before these tests');
  return children.start<WorkerCalls>(FILE, { label: 'worker', ...(onTold === undefined ? {} : { onTold }) });
}

describe('children', () => {
  test('answer calls, also many at once, with whatever structured clone takes', async () => {
    await using children = new Children({ cpuProfileFolder: undefined });
    const worker = start(children);
    const sums = await Promise.all([1, 2, 3].map((a) => worker.call('add', { a, b: 10 })));
    expect(sums).toEqual([11, 12, 13]);
    expect(await worker.call('copy', Float64Array.of(1, 2))).toEqual(Float64Array.of(2, 4));
  });

  test('share a data folder that is removed with them', async () => {
    let folder: string;
    {
      await using children = new Children({ cpuProfileFolder: undefined });
      folder = await start(children).call('folder', undefined);
      expect(folder).toBe(children.dataFolder);
      expect(existsSync(folder)).toBe(true);
    }
    expect(existsSync(folder)).toBe(false);
  });

  test('tell what they have used', async () => {
    await using children = new Children({ cpuProfileFolder: undefined });
    const worker = start(children);
    const before = await worker.usage();
    await worker.call('spin', undefined);
    const after = await worker.usage();
    expect(after.cpuSeconds - before.cpuSeconds).toBeGreaterThan(0.045);
    expect(after.rssBytes).toBeGreaterThan(1e6);
  });

  test('tell unasked', async () => {
    await using children = new Children({ cpuProfileFolder: undefined });
    const told: unknown[] = [];
    await start(children, (value) => told.push(value)).call('tell', { progress: 1n });
    expect(told).toEqual([{ progress: 1n }]);
  });

  test('a failing call, one that is not there, an ended child and a silent one reject with what happened', async () => {
    await using children = new Children({ cpuProfileFolder: undefined });
    const worker = start(children);
    await expect(worker.call('fail', undefined)).rejects.toThrow(/worker, 'fail': Error: no such luck/);
    await expect(worker.call('hang', undefined, 20)).rejects.toThrow(/worker did not answer 'hang' within 0.02 s/);
    const hanging = worker.call('hang', undefined);
    const dying = worker.call('die', undefined);
    await expect(dying).rejects.toThrow(/worker ended with status 3 before it answered 'die'/);
    await expect(hanging).rejects.toThrow(/before it answered 'hang'/);
    await expect(worker.call('add', { a: 1, b: 1 })).rejects.toThrow(/status 3 before 'add' was asked/);
  });

  test('end when the parent is killed', async () => {
    // A parent of its own, killed while its child works.
    const script = `
      import { Children } from ${JSON.stringify(new URL('../dist/harness/children.js', import.meta.url).href)};
      const children = new Children({ cpuProfileFolder: undefined });
      const child = children.start(new URL(${JSON.stringify(FILE.href)}), { label: 'orphan' });
      await child.call('add', { a: 1, b: 1 });
      console.log(child.pid + ' ' + children.dataFolder);
      await child.call('hang');`;
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line = await new Promise<string>((resolve) => parent.stdout.once('data', (data) => resolve(String(data))));
    const [pid, folder] = [Number(line.split(' ')[0]), line.trim().split(' ')[1] ?? ''];
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGTERM');
    // Ends by itself; nothing here can tell it to.
    await until(() => !isAlive(pid));
    expect(isAlive(pid)).toBe(false);
    await rm(folder, { recursive: true });
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
