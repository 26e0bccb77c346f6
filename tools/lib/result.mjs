/**
 * What a check found.
 *
 * @typedef {object} CheckResult
 * @property {boolean} ok
 * @property {string} report What is wrong and what to do; printed when the check fails.
 * @property {string} [summary] How much was looked at; printed beside the name when the check passes.
 * @property {string} [skipped] Why it could not look here. It counts as skipped then, and not as passed.
 * @property {{ passed: number, failed: number, skipped: number }} [tests] When the check is a run of tests.
 */

/**
 * A check takes the root of the tree it looks at, so that its own test can hand it a tree that is wrong.
 *
 * @typedef {(root: string) => Promise<CheckResult>} Check
 */

/**
 * The result of a check that collects problems, one line each.
 *
 * @param {readonly string[]} problems
 * @param {string} [summary]
 * @returns {CheckResult}
 */
export function fromProblems(problems, summary = '') {
  return { ok: problems.length === 0, report: problems.join('\n'), summary };
}

/**
 * The result of a program that says by its exit status whether all is well.
 *
 * @param {import('./run.mjs').RunResult} result
 * @param {string} [hint] What to do about a failure.
 * @returns {CheckResult}
 */
export function fromRun({ code, output }, hint) {
  return { ok: code === 0, report: [output.trimEnd(), ...(hint === undefined ? [] : [hint])].join('\n') };
}
