/**
 * @typedef {object} Step
 * @property {string} name
 * @property {string} about What holds when it passes.
 * @property {import('./result.mjs').Check} check
 */

/** @typedef {import('./result.mjs').CheckResult} CheckResult */

/**
 * Runs steps one after the other and tells of each. All run: one failure seldom explains the others.
 *
 * @param {readonly Step[]} steps
 * @param {string} root The tree to check.
 * @param {(text: string) => void} write
 * @returns {Promise<0 | 1>} The exit status.
 */
export async function runSteps(steps, root, write) {
  /** @type {{ step: Step, result: CheckResult, seconds: string }[]} */
  const done = [];
  for (const step of steps) {
    write(`\n── ${step.name}: ${step.about}\n`);
    const startedAtMs = performance.now();
    const result = await runStep(step, root);
    const seconds = `${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`;
    if (!result.ok) write(`${result.report.trim()}\n`);
    write(`${line(step, result, seconds)}\n`);
    done.push({ step, result, seconds });
  }
  write(`\n${done.map(({ step, result, seconds }) => line(step, result, seconds)).join('\n')}\n`);
  const counts = done.map(({ result }) => count(result));
  const passed = counts.reduce((sum, each) => sum + each.passed, 0);
  const failed = counts.reduce((sum, each) => sum + each.failed, 0);
  const skipped = counts.reduce((sum, each) => sum + each.skipped, 0);
  write(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
  return failed === 0 ? 0 : 1;
}

/**
 * @param {Step} step
 * @param {string} root
 * @returns {Promise<CheckResult>}
 */
async function runStep({ check }, root) {
  try {
    return await check(root);
  } catch (error) {
    // A check that breaks has not passed.
    return { ok: false, report: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/**
 * @param {Step} step
 * @param {CheckResult} result
 * @param {string} seconds
 */
function line({ name }, { ok, summary = '', skipped }, seconds) {
  const mark = skipped !== undefined ? 'skip  ' : ok ? 'ok    ' : 'FAILED';
  return `${mark} ${name.padEnd(16)}${seconds.padStart(8)}  ${ok ? (skipped ?? summary) : ''}`.trimEnd();
}

/**
 * A run of tests counts as its tests, any other step as one.
 *
 * @param {CheckResult} result
 */
function count({ ok, tests, skipped }) {
  if (tests !== undefined) return tests;
  if (skipped !== undefined) return { passed: 0, failed: 0, skipped: 1 };
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
}
