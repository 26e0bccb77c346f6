import { expect, test } from '@jest/globals';
import { toStreamId } from '@kwik/wire';
import { NOW_MS, makeSessionKeys, makeSigner, makeToken } from '../test-support/sessions.js';
import { CLOCK_SKEW_MS } from './path-token.js';
import { issueContentGrant, verifyContentGrant } from './content-grant.js';

const { sessionId } = makeSessionKeys();
const signer = makeSigner().publicKey;
const fields = {
  sessionId,
  streamId: toStreamId(4n),
  key: 'films/1',
  size: 10_000_000_000n,
  expiresMs: NOW_MS + 1_000,
};
const grant = issueContentGrant(makeSigner(), fields);

test('a clock that is a minute ahead does not end it before its time', () => {
  expect(verifyContentGrant(grant, { signer, sessionId, nowMs: NOW_MS + 999 + CLOCK_SKEW_MS }).key).toBe('films/1');
});

test('a grant says what the primary said, as often as it is shown', () => {
  for (let times = 0; times < 2; times++) {
    const { key, size, streamId } = verifyContentGrant(grant, { signer, sessionId, nowMs: NOW_MS });
    expect({ key, size, streamId }).toEqual({ key: 'films/1', size: 10_000_000_000n, streamId: 4n });
  }
});

test.each([
  ['past its time', grant, { nowMs: NOW_MS + 1_000 + CLOCK_SKEW_MS }, 'ERR_KWIK_TOKEN_EXPIRED'],
  ['of another session', grant, { sessionId: makeSessionKeys('other').sessionId }, 'ERR_KWIK_TOKEN_INVALID'],
  ['of another primary', issueContentGrant(makeSigner('other'), fields), {}, 'ERR_KWIK_TOKEN_INVALID'],
  ['that is a path token', makeToken(makeSessionKeys()), {}, 'ERR_KWIK_TOKEN_INVALID'],
  ['cut short', grant.subarray(0, -1), {}, 'ERR_KWIK_TOKEN_INVALID'],
  ['with a changed key', tampered(), {}, 'ERR_KWIK_TOKEN_INVALID'],
])('one %s is refused', (_what, bytes, changes, code) => {
  expect(() => verifyContentGrant(bytes, { signer, sessionId, nowMs: NOW_MS, ...changes })).toThrow(
    expect.objectContaining({ code }),
  );
});

function tampered(): Uint8Array {
  const at = Buffer.from(grant).indexOf('films/1');
  const bytes = new Uint8Array(grant);
  bytes[at] = (bytes[at] as number) ^ 1;
  return bytes;
}
