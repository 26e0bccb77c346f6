// A child process for children.test.ts.
import process from 'node:process';
import { answerParent, tellParent } from '../../dist/harness/child.js';

answerParent({
  add: ({ a, b }) => a + b,
  folder: () => process.env.KWIK_DATA_DIR,
  copy: (/** @type {Float64Array} */ numbers) => numbers.map((number) => number * 2),
  tell: (/** @type {unknown} */ value) => tellParent(value),
  fail: () => {
    throw new Error('no such luck');
  },
  die: () => process.exit(3),
  hang: () => new Promise(() => undefined),
  spin: () => {
    const end = process.cpuUsage().user + 50_000;
    while (process.cpuUsage().user < end);
  },
});
