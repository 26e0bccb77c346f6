import { availableParallelism } from 'node:os';

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {string} about What holds when it passes.
 * @property {import('./result.mjs').Check} check
 * @property {boolean} [together] It only reads files and calculates, so it may run beside its neighbours that do, too.
 */

/** @typedef {import('./result.mjs').CheckResult} CheckResult */

/**
 * Runs steps in their order and tells of each when it ends. All run: one failure seldom explains the others. Neighbours
 * that may run together do, as many at a time as `atOnce` says.
 *
 * @param {readonly Step[]} steps
 * @param {string} root The tree to check.
 * @param {(text: string) => void} write
 * @param {number} [atOnce] Default: one for each processor, two at most; compilers take much memory.
 * @returns {Promise<0 | 1>} The exit status.
 */
export async function runSteps(steps, root, write, atOnce = Math.min(availableParallelism(), 2)) {
  /** @type {{ step: Step, result: CheckResult, seconds: string }[]} */
  const done = [];
  /** @param {Step} step */
  const tell = async (step) => {
    if (step.together !== true) write(heading(step));
    const startedAtMs = performance.now();
    const result = await runStep(step, root);
    const seconds = `${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`;
    const report = result.ok ? '' : `${result.report.trim()}\n`;
    write(`${step.together === true ? heading(step) : ''}${report}${line(step, result, seconds)}\n`);
    done.push({ step, result, seconds });
  };
  for (const group of inGroups(steps)) {
    const waiting = [...group];
    const takeTurns = async () => {
      for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) await tell(step);
    };
    await Promise.all(Array.from({ length: Math.max(atOnce, 1) }, takeTurns));
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
 * Each step that runs alone, and each row of neighbours that may run together.
 *
 * @param {readonly Step[]} steps
 */
function inGroups(steps) {
  /** @type {Step[][]} */
  const groups = [];
  for (const step of steps) {
    const last = groups.at(-1);
    if (step.together === true && last?.[0]?.together === true) last.push(step);
    else groups.push([step]);
  }
  return groups;
}

/** @param {Step} step */
function heading({ name, about }) {
  return `\n── ${name}: ${about}\n`;
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
