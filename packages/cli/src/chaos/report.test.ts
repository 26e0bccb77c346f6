import { describe, expect, test } from '@jest/globals';
import { broken, chaosResult, describeChaos, type Attempt, type ChaosOutcome } from './report.js';

const WHOLE: Attempt = {
  beganMs: 0,
  tookMs: 1000,
  sha256: 'right',
  receivedBytes: 1_000_000,
  maxGapMs: 120,
  error: undefined,
  excused: false,
};
const FAILED: Attempt = { ...WHOLE, sha256: undefined, error: 'no usable path is left', maxGapMs: 9000 };

function outcome(...attempts: Attempt[]): ChaosOutcome {
  const options = { seconds: 5, seed: 7, bytes: 1e6, rates: [20, 20], faults: [], primary: false, json: false };
  const faults = [{ fault: 'kill', server: 1, atMs: 10, durationMs: 100, severity: 0.5 } as const];
  return { options, faults, attempts, expectedSha256: 'right' };
}

describe('what broke a promise', () => {
  test.each([
    ['a whole file', WHOLE, 0],
    ['a file that differs', { ...WHOLE, sha256: 'wrong' }, 1],
    ['a file that differs, whatever was struck', { ...WHOLE, sha256: 'wrong', excused: true }, 1],
    ['a failure that nothing explains', FAILED, 1],
    ['a failure with the primary', { ...FAILED, excused: true }, 0],
  ])('%s', (_name, attempt, count) => {
    expect(broken(outcome(attempt))).toHaveLength(count);
  });
});

test('the figures leave out what failed, and count what was excused', () => {
  expect(chaosResult(outcome(WHOLE, { ...FAILED, excused: true }))).toEqual({
    seed: 7,
    seconds: 5,
    faults: { kill: 1 },
    transfers: 2,
    whole: 1,
    failedWithThePrimary: 1,
    broken: [],
    receivedBytes: 2_000_000,
    longestGapMs: 120,
  });
});

test('the words name each broken promise, and the seed to see it again', () => {
  const lines = describeChaos(outcome(WHOLE, FAILED), '+ ', '- ').join('\n');
  expect(lines).toMatch(/^- 1 of 2 transfers broke a promise; again with --seed 7\n {4}at .*no usable path is left/u);
  expect(describeChaos(outcome(WHOLE), '+ ', '- ')[0]).toBe('+ every byte of 1 transfers is right, under 1 faults');
});
