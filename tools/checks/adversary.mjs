import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { run } from '../lib/run.mjs';

/** Far above what the quick attacks take, so that only a hang is cut off. */
const TIMEOUT_MS = 300_000;

/**
 * The quick attacks of `pnpm adversary`, against servers and clients of this checkout.
 *
 * @type {import('../lib/result.mjs').Check}
 */
export async function checkAdversary(root) {
  const tsx = fileURLToPath(import.meta.resolve('tsx'));
  const args = ['--import', tsx, join(root, 'tools', 'adversary', 'main.ts'), '--quick'];
  const env = { TSX_TSCONFIG_PATH: join(root, 'tsconfig.tests.json') };
  const { code, output } = await run(process.execPath, args, { cwd: root, timeoutMs: TIMEOUT_MS, env });
  const sums = /^(\d+) passed, (\d+) failed$/m.exec(output);
  const passed = Number(sums?.[1] ?? 0);
  const ok = code === 0 && passed > 0;
  const failed = ok ? 0 : Math.max(Number(sums?.[2] ?? 0), 1);
  return { ok, report: output, summary: `${passed} attacks fail to do harm`, tests: { passed, failed, skipped: 0 } };
}
