import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import {
  ClientHandshake,
  deriveSessionKeys,
  DEFAULT_LIMITS,
  Ed25519Signer,
  type KcpBody,
  type SessionKeys,
} from '@kwik/kcp';
import { systemClock } from '@kwik/quic';
import type { KwikError, Listener, Session } from '@kwik/session';
import { errorCodeFromNumber, proto, sessionIdFromBytes, toPathId } from '@kwik/wire';
import { shakeHands } from '../src/client/client-handshake.js';
import { QuicConnector } from '../src/client/connector.js';
import { parseTarget } from '../src/client/target.js';
import { HandmadePrimary, random } from './handmade-primary.js';
import { addressOf, Harness } from './harness.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

let harness: Harness;
let primary: HandmadePrimary;
let secondary: Listener;
let client: Session;
let told: KwikError[];

beforeEach(async () => {
  harness = await Harness.create();
  told = [];
  secondary = await harness.listen({ onRefused: (error) => told.push(error) });
  primary = await HandmadePrimary.start();
  harness.onClose(() => primary.close());
  client = await harness.dial(primary.address);
});
afterEach(async () => {
  await harness.close();
});

/** Joins as a client of the session with these keys does, with its own hello. */
async function join(
  keys: SessionKeys,
  token: Uint8Array,
  pathId = 1,
  onHello?: (send: (body: KcpBody) => void) => void,
): Promise<void> {
  const connector = new QuicConnector({});
  harness.onClose(() => connector.close());
  const address = addressOf(secondary);
  const transport = await connector.connect(parseTarget(address), { timeoutMs: 10_000 });
  const handshake = new ClientHandshake({
    purpose: { kind: 'join', keys, pathId: toPathId(pathId), token, audience: address },
    auth: [],
    capabilities: [],
    limits: DEFAULT_LIMITS,
    agent: 'thief/1',
    channelBinding: transport.channelBinding,
    random,
  });
  const options = { timeoutMs: 10_000, address, ...(onHello !== undefined && { onHello }) };
  await shakeHands(transport, handshake, systemClock(), options);
}

function forged(): Uint8Array {
  const envelope = proto.SignedEnvelope.decode(primary.token('elsewhere.example:1'));
  const token = proto.PathToken.decode(envelope.payload);
  const payload = proto.PathToken.encode({ ...token, server: addressOf(secondary) }).finish();
  return proto.SignedEnvelope.encode({ ...envelope, payload }).finish();
}

const other = () => deriveSessionKeys(sessionIdFromBytes(random(16)), random(32));
const here = () => addressOf(secondary);

describe('path tokens over real connections: refused by name, at the primary, at the secondary, and in its counts', () => {
  test.each([
    ['forged', 'ERR_KWIK_TOKEN_FORGED', "the token's signature is wrong", forged],
    [
      'untrusted',
      'ERR_KWIK_TOKEN_UNTRUSTED',
      /^the token is signed by/,
      () => primary.token(here(), {}, Ed25519Signer.fromSeed(random(32))),
    ],
    [
      'expired',
      'ERR_KWIK_TOKEN_EXPIRED',
      /^the token ended \d+ s ago/,
      // By more than the minute by which the clocks of servers may differ.
      () => primary.token(here(), { notBeforeMs: Date.now() - 120_000, expiresMs: Date.now() - 90_000 }),
    ],
    [
      'lifetime',
      'ERR_KWIK_TOKEN_INVALID',
      'the token lives longer than 60000 ms',
      () => primary.token(here(), { expiresMs: Date.now() + 3_600_000 }),
    ],
    [
      'wrongServer',
      'ERR_KWIK_TOKEN_WRONG_SERVER',
      /another server|elsewhere/,
      () => primary.token('elsewhere.example:1'),
    ],
    [
      'wrongSession',
      'ERR_KWIK_TOKEN_WRONG_SESSION',
      'the token is for another session or path',
      () => primary.token(here(), { sessionId: other().sessionId }),
    ],
    [
      'proof',
      'ERR_KWIK_PROOF_INVALID',
      'the joiner does not hold the session that the token is for',
      // As a thief would show it: meant for whoever holds another key.
      () => primary.token(here(), { possessionKey: other().possession.publicKey }),
    ],
  ] as const)('%s', async (name, code, reason, token) => {
    const answer = await primary.addPath(here(), token());
    expect(answer).toMatchObject({ accepted: false, pathId: 1 });
    expect(errorCodeFromNumber(answer.error!.code)).toBe(code);
    expect(answer.error!.reason).toMatch(reason);
    expect(told).toMatchObject([{ code, message: answer.error!.reason }]);
    const { tokens, refused, sessions } = secondary.stats();
    expect(Object.entries(tokens).filter(([, count]) => count > 0)).toEqual([[name, 1]]);
    expect(refused).toEqual({ [code]: 1 });
    expect(sessions).toBe(0);
    expect(client.getActivePaths()).toHaveLength(1);
  });

  test('replayed: a token works once, for the client itself too', async () => {
    const token = primary.token(here());
    await join(primary.keys, token);
    const answer = await primary.addPath(here(), token);
    expect(errorCodeFromNumber(answer.error!.code)).toBe('ERR_KWIK_TOKEN_REPLAYED');
    expect(told).toMatchObject([{ code: 'ERR_KWIK_TOKEN_REPLAYED' }]);
    expect(secondary.stats().tokens).toMatchObject({ accepted: 1, replayed: 1 });
  });

  test('stolen: a thief with the token and the session id gets nothing, and does not spend it', async () => {
    const token = primary.token(here());
    const thief = deriveSessionKeys(primary.keys.sessionId, other().secret);
    await expect(join(thief, token)).rejects.toMatchObject({ code: 'ERR_KWIK_PROOF_INVALID' });
    expect(await primary.addPath(here(), token)).toMatchObject({ accepted: true });
    expect(client.getActivePaths()).toHaveLength(2);
    expect(secondary.stats()).toMatchObject({
      sessions: 1,
      opened: 0,
      tokens: { accepted: 1, proof: 1 },
      refused: { ERR_KWIK_PROOF_INVALID: 1 },
    });
  });

  test('a token that came for the session of one client is of no use in that of another', async () => {
    const token = primary.token(here());
    await expect(join(other(), token)).rejects.toMatchObject({ code: 'ERR_KWIK_TOKEN_WRONG_SESSION' });
    expect(secondary.stats().tokens).toMatchObject({ accepted: 0, wrongSession: 1 });
  });
});

test('an honest primary is told the same, in its own words', async () => {
  const { server } = await harness.pair({}, { paths: { resolve: () => here() } });
  await expect(server.addPath('127.0.0.1:1')).rejects.toMatchObject({
    code: 'ERR_KWIK_TOKEN_WRONG_SERVER',
    scope: 'path',
    message: expect.stringMatching(/^path to 127\.0\.0\.1:1: /),
  });
  expect(server.getDeadPaths()).toMatchObject([{ errorCode: 'ERR_KWIK_TOKEN_WRONG_SERVER' }]);
});

test('a path that is asked for again is joined once, and answered each time (simulator, seed 7470)', async () => {
  const ask = () => primary.addPath(here(), primary.token(here()));
  const answers = await Promise.all([ask(), ask()]);
  answers.push(await ask());
  expect(answers.map(({ accepted }) => accepted)).toEqual([true, true, true]);
  expect(secondary.stats()).toMatchObject({ sessions: 1, tokens: { accepted: 1 } });
  expect(client.getActivePaths()).toHaveLength(2);
});

test('what follows the hello and cannot be sent ends the handshake, and throws at nobody', async () => {
  const tooLong = 'x'.repeat(100_000);
  const joining = join(other(), primary.token(here()), 1, (send) => {
    expect(() =>
      send({ $case: 'error', value: { code: 1, scope: 0, reason: tooLong, retryAfterMs: 0 } }),
    ).not.toThrow();
  });
  await expect(joining).rejects.toMatchObject({
    code: expect.stringMatching(/^ERR_KWIK_(INVALID_MESSAGE|PACKET_TOO_LARGE)/),
  });
});
