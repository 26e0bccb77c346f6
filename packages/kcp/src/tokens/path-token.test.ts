import { describe, expect, test } from '@jest/globals';
import { type KwikError, proto, toPathId } from '@kwik/wire';
import fc from 'fast-check';
import { proveJoin } from '../join/join-proof.js';
import { seededRandom } from '../test-support/random.js';
import {
  CHANNEL,
  NOW_MS,
  SECONDARY,
  makeAdmission,
  makeSessionKeys,
  makeSigner,
  makeToken,
  tokenFields,
} from '../test-support/sessions.js';
import { issueContentGrant } from './content-grant.js';
import { CLOCK_SKEW_MS, issuePathToken, verifyPathToken } from './path-token.js';
import { UsedTokens } from './used-tokens.js';

const keys = makeSessionKeys();
const trust = { keys: [makeSigner().publicKey] };

function verify(bytes: Uint8Array, changes: Partial<Parameters<typeof verifyPathToken>[1]> = {}) {
  return verifyPathToken(bytes, { trust, audiences: [SECONDARY], nowMs: NOW_MS, used: new UsedTokens(), ...changes });
}

function codeOf(run: () => unknown): string {
  try {
    run();
    return 'accepted';
  } catch (error) {
    return (error as KwikError).code;
  }
}

describe('a path token', () => {
  test('says what the primary said', () => {
    const fields = tokenFields(keys, { capabilities: [proto.Capability.REPLICA] });
    expect(verify(issuePathToken(makeSigner(), fields))).toEqual({ ...fields, signer: makeSigner().publicKey });
  });

  test('is used once', () => {
    const used = new UsedTokens();
    const token = makeToken(keys);
    verify(token, { used });
    expect(codeOf(() => verify(token, { used }))).toBe('ERR_KWIK_TOKEN_REPLAYED');
  });

  test('counts in its time only, with a minute of grace for clocks that differ at both ends', () => {
    const token = makeToken(keys, { notBeforeMs: NOW_MS, expiresMs: NOW_MS + 10_000 });
    expect(codeOf(() => verify(token, { nowMs: NOW_MS - CLOCK_SKEW_MS }))).toBe('accepted');
    expect(codeOf(() => verify(token, { nowMs: NOW_MS - CLOCK_SKEW_MS - 1 }))).toBe('ERR_KWIK_TOKEN_EXPIRED');
    expect(codeOf(() => verify(token, { nowMs: NOW_MS + 10_000 + CLOCK_SKEW_MS - 1 }))).toBe('accepted');
    expect(codeOf(() => verify(token, { nowMs: NOW_MS + 10_000 + CLOCK_SKEW_MS }))).toBe('ERR_KWIK_TOKEN_EXPIRED');
    expect(CLOCK_SKEW_MS).toBe(60_000);
  });

  test('is used once, also in its grace', () => {
    const used = new UsedTokens();
    const token = makeToken(keys, { notBeforeMs: NOW_MS, expiresMs: NOW_MS + 10_000 });
    verify(token, { used, nowMs: NOW_MS + 9_999 });
    for (const nowMs of [NOW_MS + 10_000, NOW_MS + 10_000 + CLOCK_SKEW_MS - 1]) {
      used.purge(nowMs);
      expect(codeOf(() => verify(token, { used, nowMs }))).toBe('ERR_KWIK_TOKEN_REPLAYED');
    }
  });

  test('does not live longer than the server remembers', () => {
    const token = makeToken(keys, { expiresMs: NOW_MS + 3_600_000 });
    expect(codeOf(() => verify(token))).toBe('ERR_KWIK_TOKEN_INVALID');
    expect(codeOf(() => verify(token, { maxTokenLifeMs: 3_600_000 }))).toBe('accepted');
  });

  test.each([
    ['second.example:4433', true],
    ['SECOND.Example:4433', true],
    ['second.example:4434', false],
    ['second.example', false],
    ['', false],
    ['asecond.example:4433', false],
  ])('for %s', (audience, accepted) => {
    const code = codeOf(() => verify(makeToken(keys, { audience })));
    expect(code).toBe(accepted ? 'accepted' : 'ERR_KWIK_TOKEN_WRONG_SERVER');
  });

  test('whatever the interface is called by which either end reaches the server', () => {
    const token = () => makeToken(keys, { audience: '[fe80::7%eth0]:4433' });
    for (const own of ['[fe80::7%wlan1]:4433', '[fe80::7]:4433', '[fe80::7%eth0]:4433']) {
      expect(codeOf(() => verify(token(), { audiences: [own] }))).toBe('accepted');
    }
    for (const other of ['[fe80::8%eth0]:4433', '[fe80::7%eth0]:4434']) {
      expect(codeOf(() => verify(token(), { audiences: [other] }))).toBe('ERR_KWIK_TOKEN_WRONG_SERVER');
    }
  });

  test('any of the names that a server answers to', () => {
    const audiences = ['[::1]:4433', '192.0.2.7:4433', SECONDARY];
    expect(codeOf(() => verify(makeToken(keys, { audience: '192.0.2.7:4433' }), { audiences }))).toBe('accepted');
    expect(codeOf(() => verify(makeToken(keys), { audiences: [] }))).toBe('ERR_KWIK_TOKEN_WRONG_SERVER');
  });

  test('signed by somebody else', () => {
    const token = makeToken(keys, {}, makeSigner('somebody else'));
    expect(codeOf(() => verify(token))).toBe('ERR_KWIK_TOKEN_UNTRUSTED');
    expect(codeOf(() => verify(makeToken(keys), { trust: {} }))).toBe('ERR_KWIK_TOKEN_UNTRUSTED');
  });

  test('a content grant is none, though the same key signed it', () => {
    const fields = { sessionId: keys.sessionId, streamId: 0n as never, key: 'k', size: 1n, expiresMs: NOW_MS + 1 };
    expect(codeOf(() => verify(issueContentGrant(makeSigner(), fields)))).toBe('ERR_KWIK_TOKEN_FORGED');
  });

  test('fields that no server would take are not signed', () => {
    const issue = (changes: Parameters<typeof tokenFields>[1]) => () => makeToken(keys, changes);
    expect(codeOf(issue({ tokenId: new Uint8Array(15) }))).toBe('ERR_KWIK_INVALID_ARGUMENT');
    expect(codeOf(issue({ possessionKey: new Uint8Array(0) }))).toBe('ERR_KWIK_INVALID_ARGUMENT');
    expect(codeOf(issue({ expiresMs: NOW_MS }))).toBe('ERR_KWIK_INVALID_ARGUMENT');
  });

  test('every truncation and every changed byte of one is refused as invalid, and spends nothing', () => {
    const token = makeToken(keys);
    const used = new UsedTokens();
    for (let length = 0; length < token.length; length++) {
      expect(codeOf(() => verify(token.subarray(0, length), { used }))).toBe('ERR_KWIK_TOKEN_INVALID');
    }
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const forged = new Uint8Array(token);
        forged[at] = (forged[at] as number) ^ change;
        expect(codeOf(() => verify(forged, { used }))).toMatch(/^ERR_KWIK_TOKEN_(INVALID|FORGED)$/);
      }),
      { numRuns: 500 },
    );
    expect(used.size).toBe(0);
  });
});

describe('admission counts by name', () => {
  const nonce = seededRandom('nonce')(32);
  const connection = { clientNonce: nonce, channelBinding: CHANNEL };
  const pathId = toPathId(3);

  function joinWith(
    changes: Parameters<typeof tokenFields>[1] = {},
    signer = makeSigner(),
    proofKeys = keys,
  ): proto.Join {
    const { tokenId, audience } = tokenFields(keys, changes);
    const transcript = {
      sessionId: keys.sessionId,
      tokenId,
      clientNonce: nonce,
      audience,
      pathId,
      channelBinding: CHANNEL,
    };
    return {
      sessionId: new Uint8Array(Buffer.from(keys.sessionId, 'hex')),
      token: makeToken(keys, changes, signer),
      proof: proveJoin(proofKeys, transcript),
      pathId,
      renewal: false,
      takeover: undefined,
    };
  }

  function forge(join: proto.Join): proto.Join {
    const envelope = proto.SignedEnvelope.decode(join.token);
    const token = proto.PathToken.decode(envelope.payload);
    const payload = proto.PathToken.encode({ ...token, server: SECONDARY }).finish();
    return { ...join, token: proto.SignedEnvelope.encode({ ...envelope, payload }).finish() };
  }

  test.each([
    ['malformed', { ...joinWith(), token: new Uint8Array([1]) }, 'ERR_KWIK_TOKEN_INVALID'],
    ['forged', forge(joinWith({ audience: 'other:1' })), 'ERR_KWIK_TOKEN_FORGED'],
    ['untrusted', joinWith({}, makeSigner('nobody')), 'ERR_KWIK_TOKEN_UNTRUSTED'],
    [
      'expired',
      joinWith({ notBeforeMs: NOW_MS - CLOCK_SKEW_MS - 2, expiresMs: NOW_MS - CLOCK_SKEW_MS }),
      'ERR_KWIK_TOKEN_EXPIRED',
    ],
    ['lifetime', joinWith({ expiresMs: NOW_MS + 3_600_000 }), 'ERR_KWIK_TOKEN_INVALID'],
    ['wrongServer', joinWith({ audience: 'other:1' }), 'ERR_KWIK_TOKEN_WRONG_SERVER'],
    ['wrongSession', joinWith({ pathId: toPathId(4) }), 'ERR_KWIK_TOKEN_WRONG_SESSION'],
    ['proof', joinWith({}, makeSigner(), makeSessionKeys('thief')), 'ERR_KWIK_PROOF_INVALID'],
  ] as const)('%s', (name, join, code) => {
    const used = new UsedTokens();
    const admission = makeAdmission({ used });
    expect(admission.admit(join, connection, NOW_MS)).toMatchObject({ ok: false, refusal: name, error: { code } });
    const all = Object.entries(admission.counters).filter(([, count]) => count > 0);
    expect(all).toEqual([[name, 1]]);
    // Nothing but a full success spends a token.
    expect(used.size).toBe(0);
  });

  test('accepted, then replayed', () => {
    const admission = makeAdmission();
    expect(admission.admit(joinWith(), connection, NOW_MS)).toMatchObject({ ok: true, token: { pathId } });
    expect(admission.admit(joinWith(), connection, NOW_MS)).toMatchObject({
      error: { code: 'ERR_KWIK_TOKEN_REPLAYED' },
    });
    expect(admission.counters).toMatchObject({ accepted: 1, replayed: 1 });
  });

  test('full: what cannot be remembered is not admitted, until something expires', () => {
    const admission = makeAdmission({ used: new UsedTokens({ max: 1 }) });
    const second = { tokenId: seededRandom('second')(16), expiresMs: NOW_MS + 50_000 };
    expect(admission.admit(joinWith(), connection, NOW_MS).ok).toBe(true);
    expect(admission.admit(joinWith(second), connection, NOW_MS)).toMatchObject({
      error: { code: 'ERR_KWIK_CONNECTION_REFUSED' },
    });
    expect(admission.admit(joinWith(second), connection, NOW_MS + 30_000 + CLOCK_SKEW_MS).ok).toBe(true);
    expect(admission.counters).toMatchObject({ accepted: 2, full: 1 });
  });

  test('a proof for another nonce, so for another hello', () => {
    const other = { ...connection, clientNonce: seededRandom('another nonce')(32) };
    const step = makeAdmission().admit(joinWith(), other, NOW_MS);
    expect(step).toMatchObject({ error: { code: 'ERR_KWIK_PROOF_INVALID' } });
  });

  test('a proof for a connection with another certificate, so for another server', () => {
    const other = { ...connection, channelBinding: seededRandom('another certificate')(32) };
    const step = makeAdmission().admit(joinWith(), other, NOW_MS);
    expect(step).toMatchObject({ error: { code: 'ERR_KWIK_PROOF_INVALID' } });
  });
});

describe('UsedTokens', () => {
  test('does what a list that forgets nothing would, until tokens expire', () => {
    const step = fc.record({ id: fc.nat(12), lifeMs: fc.integer({ min: 1, max: 20 }), waitMs: fc.nat(10) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const used = new UsedTokens({ max: 5 });
        const living: { id: number; expiresMs: number }[] = [];
        let now = 0;
        for (const { id, lifeMs, waitMs } of steps) {
          now += waitMs;
          const alive = living.filter(({ expiresMs }) => expiresMs > now);
          const expected = alive.some((one) => one.id === id) ? 'replayed' : alive.length >= 5 ? 'full' : 'used';
          expect(used.use(new Uint8Array([id]), now + lifeMs, now)).toBe(expected);
          if (expected === 'used') living.push({ id, expiresMs: now + lifeMs });
          expect(used.size).toBeLessThanOrEqual(5);
        }
      }),
    );
  });
});
