import { join } from 'node:path';
import { runNode } from '../lib/run.mjs';

/** As many as fit well into a minute on a slow machine; `pnpm sim --seeds N` runs more. */
const SEEDS = 300;
/** Far above what they take, so that only a hang is cut off. */
const TIMEOUT_MS = 300_000;

/**
 * Sessions under seeded faults: the same seeds at each run, so that what fails here fails for everybody.
 *
 * @type {import('../lib/result.mjs').Check}
 */
export async function checkSimulation(root) {
  const args = ['--seeds', String(SEEDS)];
  const { code, output } = await runNode(join(root, 'tools', 'sim.mjs'), args, { cwd: root, timeoutMs: TIMEOUT_MS });
  const sums = /^(\d+) passed, (\d+) failed$/m.exec(output);
  const passed = Number(sums?.[1] ?? 0);
  const failed = SEEDS - passed;
  const ok = code === 0 && failed === 0;
  const tests = { passed, failed: ok ? 0 : Math.max(failed, 1), skipped: 0 };
  return { ok, report: output, summary: `${passed} seeds passed, ${failed} failed`, tests };
}
