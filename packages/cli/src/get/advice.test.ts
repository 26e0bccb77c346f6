import { KwikError, type ErrorCode } from '@kwik/wire';
import { expect, test } from '@jest/globals';
import { adviceFor, type Outcome } from './advice.js';

const one: Outcome = { keptBytes: 5_000_000, finished: 0, several: false, force: false };
const many: Outcome = { keptBytes: 0, finished: 3, several: true, force: false };
const RESUME = '5.00 MB are kept; run the same command again to resume';

test.each<[ErrorCode, string]>([
  ['ERR_KWIK_NO_PATH', RESUME],
  ['ERR_KWIK_TIMEOUT', RESUME],
  ['ERR_KWIK_ABORTED', RESUME],
  ['ERR_KWIK_SOURCE_FAILED', RESUME],
  ['ERR_KWIK_LOCAL_FILE', '5.00 MB are kept; when that is mended, run the same command again to resume'],
  ['ERR_KWIK_CERTIFICATE', '5.00 MB are kept; when that is mended, run the same command again to resume'],
  ['ERR_KWIK_SOURCE_NOT_FOUND', '5.00 MB are kept'],
  ['ERR_KWIK_PERMISSION_DENIED', '5.00 MB are kept'],
  ['ERR_KWIK_PROTOCOL_VIOLATION', '5.00 MB are kept'],
])('%s: the same command is advised only where it can help', (code, advice) => {
  expect(adviceFor(new KwikError(code, 'x'), one)).toBe(advice);
});

test('an error that nobody foresaw is not promised to pass', () => {
  expect(adviceFor(new Error('x'), one)).toBe('5.00 MB are kept');
});

test('nothing is said where nothing is kept', () => {
  expect(adviceFor(new KwikError('ERR_KWIK_NO_PATH', 'x'), { ...one, keptBytes: 0 })).toBeUndefined();
  expect(adviceFor(new KwikError('ERR_KWIK_NO_PATH', 'x'), { ...many, finished: 0 })).toBeUndefined();
});

test('several files: what is there is left out the next time, with options that go together', () => {
  const lost = new KwikError('ERR_KWIK_NO_PATH', 'x');
  expect(adviceFor(lost, many)).toBe('3 files done; run the same command with --skip-existing to get the rest');
  expect(adviceFor(lost, { ...many, force: true })).toBe(
    '3 files done; run the same command with --skip-existing instead of --force to get the rest',
  );
});
