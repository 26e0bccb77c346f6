import { expect, test } from '@jest/globals';
import { KwikError } from '@kwik/wire';
import { errorOf, failureOf } from './failures.js';
import { FAILURE_CODES } from './messages.js';

test('a client is told what is meant for it, and no more', () => {
  expect(failureOf(new KwikError('ERR_KWIK_SOURCE_NOT_FOUND', 'no such file'))).toEqual({
    ...{ ok: false, code: 'not-found', message: 'no such file' },
  });
  const secret = Object.assign(new Error('EIO: /home/me/secret'), { code: 'EIO' });
  for (const error of [secret, new KwikError('ERR_KWIK_INTERNAL', '/home/me'), 'text', undefined]) {
    expect(failureOf(error)).toEqual({ ok: false, code: 'unavailable', message: 'the server could not answer' });
  }
});

test('each code has an error of its own side, and unknown ones are survived', () => {
  for (const code of FAILURE_CODES) {
    expect(errorOf({ ok: false, code, message: 'm' }, 'file').message).toBe('file: m');
  }
  expect(errorOf({ ok: false, code: 'not-found', message: '' }, 'f').code).toBe('ERR_KWIK_SOURCE_NOT_FOUND');
  expect(errorOf({ ok: false, code: 'later', message: '' }, 'f').code).toBe('ERR_KWIK_UNSUPPORTED');
});

test("a server's words cannot act on the terminal", () => {
  const { message } = errorOf({ ok: false, code: 'changed', message: `\u001b[2J\n${'x'.repeat(1000)}` }, 'f');
  expect(message).toMatch(/^f: \[2J x+…$/u);
  expect(message.length).toBeLessThan(310);
});
