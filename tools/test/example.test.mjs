import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ROOT } from '../lib/workspace.mjs';

/** @param {...string} args */
const run = (...args) =>
  spawnSync(process.execPath, [join(ROOT, 'tools', 'example.mjs'), ...args], { encoding: 'utf8' });

test('an example runs from the root by its name', () => {
  const { status, stdout } = run('two-writers');
  expect({ status, stdout }).toMatchObject({ status: 0, stdout: expect.stringContaining('SHA-256 right') });
}, 60_000);

test('without a name, and with a wrong one, the examples are named', () => {
  for (const args of [[], ['nothing'], ['../tools']]) {
    const { status, stderr } = run(...args);
    expect([status, stderr]).toEqual([
      64,
      expect.stringContaining('custom-scheduler, discovery-adapters, discovery-by-dns'),
    ]);
  }
});
