import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { BIN, run } from '../lib/run.mjs';
import { readJson } from '../lib/workspace.mjs';

/**
 * What jest writes with --json, as far as it is read here.
 *
 * @typedef {object} JestReport
 * @property {boolean} success
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {number} numRuntimeErrorTestSuites Test files that could not be run at all.
 */

/** @type {import('../lib/result.mjs').Check} */
export async function checkTests(root) {
  const file = join(root, '.tmp', 'jest.json');
  mkdirSync(join(root, '.tmp'), { recursive: true });
  rmSync(file, { force: true });
  const flags = ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning'];
  const args = [...flags, join(root, BIN.jest), '--ci', '--json', `--outputFile=${file}`];
  // With --json the report is also on stdout; people read what is on stderr.
  const { code, output } = await run(process.execPath, args, { cwd: root, live: 'stderr' });
  if (!existsSync(file)) return { ok: false, report: `jest ended with status ${code} and no report\n${output}` };
  return judge(/** @type {JestReport} */ (readJson(file)), code);
}

/**
 * A test file that did not run counts as a failed test, and so does a jest that is unhappy for another reason.
 *
 * @param {JestReport} report
 * @param {number} code
 * @returns {import('../lib/result.mjs').CheckResult}
 */
export function judge(report, code) {
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  const ok = code === 0 && report.success && failed === 0 && report.numPassedTests > 0;
  const tests = {
    passed: report.numPassedTests,
    failed: ok ? 0 : Math.max(failed, 1),
    skipped: report.numPendingTests + report.numTodoTests,
  };
  const summary = `${tests.passed} passed, ${tests.failed} failed, ${tests.skipped} skipped`;
  return { ok, report: `${summary}; the failures stand above, in jest's own words`, summary, tests };
}
