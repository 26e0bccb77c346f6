import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PARTS } from '../src/parts/index.js';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command as it is built. */
function bench(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) => {
      resolve({ status: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

describe('pnpm bench', () => {
  let folder = '';
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'kwik-bench-test-'))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test('--list names every part and what it measures', async () => {
    const { status, stdout } = await bench('--quick', '--list');
    expect(status).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(PARTS.length);
    for (const { name } of PARTS) expect(stdout).toMatch(new RegExp(`^${name} +\\S`, 'm'));
    for (const { about } of PARTS) expect(stdout).toContain(`${about}\n`);
  });

  test('names of parts are unique, and can be typed', () => {
    const names = PARTS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z]+$/);
  });

  test('a wrong command line is told, with exit status 2', async () => {
    expect(await bench('codek')).toMatchObject({ status: 2, stderr: expect.stringMatching(/no part is called codek/) });
    expect(await bench('--fast')).toMatchObject({ status: 2, stderr: expect.stringMatching(/--fast/) });
  });

  test('a quick run prints a table and writes JSON', async () => {
    const file = join(folder, 'out', 'figures.json');
    const { status, stdout } = await bench('codec', '--quick', '--rows', '^encode 1', '--json', file);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^codec +encode 1200 bytes +\d+ +1\/s +generated \d+ +[\d.]+/m);
    expect(stdout).not.toContain('decode');
    const { machine, quick, parts } = JSON.parse(await readFile(file, 'utf8'));
    expect(machine).toMatchObject({ node: process.version, cores: expect.any(Number), commit: expect.any(String) });
    expect(quick).toBe(true);
    expect(parts).toHaveLength(1);
    const rows: { name: string; ratio: number; verdict: string }[] = parts[0].rows;
    expect(rows.map(({ name }) => name)).toEqual(['encode 100 bytes', 'encode 1200 bytes', 'encode 16000 bytes']);
    for (const { ratio, verdict } of rows) {
      expect(ratio).toBeGreaterThan(0);
      expect(verdict).toBe('none');
    }
  });

  test('--plots writes SVG', async () => {
    expect(await bench('planner', '--quick', '--rows', 'min-rtt', `--plots=${folder}`)).toMatchObject({ status: 0 });
    expect(await readFile(join(folder, 'planner-cost.svg'), 'utf8')).toMatch(/^<svg [^]*<\/svg>\n$/);
  });
});
