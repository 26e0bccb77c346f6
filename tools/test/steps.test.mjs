import { expect, test } from '@jest/globals';
import { judge } from '../checks/tests.mjs';
import { fromProblems } from '../lib/result.mjs';
import { runSteps } from '../lib/steps.mjs';

/**
 * @param {string} name
 * @param {import('../lib/result.mjs').Check} check
 */
const step = (name, check) => ({ name, about: `${name} is well`, check });

/** @param {readonly import('../lib/steps.mjs').Step[]} steps */
async function outcome(steps) {
  let text = '';
  const code = await runSteps(steps, 'root', (part) => {
    text += part;
  });
  return { code, text, lastLine: text.trimEnd().split('\n').at(-1) };
}

test('all steps run, though one fails and one breaks', async () => {
  const { code, text, lastLine } = await outcome([
    step('bad', async () => fromProblems(['this is wrong'])),
    step('broken', async () => {
      throw new Error('out of order');
    }),
    step('good', async (root) => fromProblems([], `saw ${root}`)),
  ]);
  expect(code).toBe(1);
  expect(text).toContain('this is wrong');
  expect(text).toContain('out of order');
  expect(text).toMatch(/ok {5}good {10,}[\d.]+ s {2}saw root/);
  expect(lastLine).toBe('1 passed, 2 failed');
});

test('the last line counts tests one by one, and steps', async () => {
  const tests = { passed: 40, failed: 0, skipped: 1 };
  const { code, lastLine } = await outcome([
    step('jest', async () => ({ ok: true, report: '', tests })),
    step('good', async () => fromProblems([])),
  ]);
  expect({ code, lastLine }).toEqual({ code: 0, lastLine: '41 passed, 0 failed, 1 skipped' });
});

test('a step that cannot look is named, and counts as skipped', async () => {
  const { code, text, lastLine } = await outcome([
    step('blind', async () => ({ ok: true, report: '', skipped: 'needs eyes' })),
    step('good', async () => fromProblems([])),
  ]);
  expect(text).toMatch(/^skip {3}blind {9,}[\d.]+ s {2}needs eyes$/m);
  expect({ code, lastLine }).toEqual({ code: 0, lastLine: '1 passed, 0 failed, 1 skipped' });
});

/** @param {number} atOnce */
async function busyAtMost(atOnce) {
  let busy = 0;
  let most = 0;
  /** @type {string[]} */
  const alone = [];
  const working = async () => {
    most = Math.max(most, ++busy);
    await new Promise((resolve) => setImmediate(resolve));
    busy--;
    return fromProblems([]);
  };
  const single = async () => {
    alone.push(`${busy} beside it`);
    return fromProblems([]);
  };
  const together = ['a', 'b', 'c', 'd'].map((name) => ({ ...step(name, working), together: true }));
  let text = '';
  await runSteps(
    [step('before', single), ...together, step('after', single)],
    'root',
    (part) => {
      text += part;
    },
    atOnce,
  );
  return { most, alone, text };
}

test.each([1, 2, 8])('steps that may run together do, %d at a time, and others run alone', async (atOnce) => {
  const { most, alone, text } = await busyAtMost(atOnce);
  expect(most).toBe(Math.min(atOnce, 4));
  expect(alone).toEqual(['0 beside it', '0 beside it']);
  // What a step has to say stands below its own heading.
  for (const name of ['before', 'a', 'b', 'c', 'd', 'after']) {
    expect(text).toMatch(new RegExp(`── ${name}: ${name} is well\\nok {5}${name} `));
  }
});

const GREEN = {
  success: true,
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  numRuntimeErrorTestSuites: 0,
};

test.each([
  ['all is well', GREEN, 0, true, 0],
  ['a test fails', { ...GREEN, success: false, numFailedTests: 2 }, 1, false, 2],
  ['a test file does not load', { ...GREEN, success: false, numRuntimeErrorTestSuites: 1 }, 1, false, 1],
  ['jest is unhappy for another reason', GREEN, 1, false, 1],
  ['there is no test', { ...GREEN, numPassedTests: 0 }, 0, false, 1],
])('jest: %s', (_, report, code, ok, failed) => {
  expect(judge(report, code)).toMatchObject({ ok, tests: { failed } });
});
