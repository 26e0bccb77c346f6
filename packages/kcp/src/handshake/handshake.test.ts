import { describe, expect, test } from '@jest/globals';
import { KwikError, PRIMARY_PATH_ID, decodeKcpMessage, proto, toPathId } from '@kwik/wire';
import fc from 'fast-check';
import { pskClientAuth, pskServerAuth } from '../auth/psk.js';
import type { KcpBody } from '../channel/kcp-body.js';
import { deriveSessionKeys } from '../keys/session-keys.js';
import { seededRandom } from '../test-support/random.js';
import { settled, shakeHands } from '../test-support/pair.js';
import {
  NOW_MS,
  SECONDARY,
  makeAdmission,
  makeClient,
  makeServer,
  makeSessionKeys,
  makeSigner,
  makeToken,
} from '../test-support/sessions.js';
import { DEFAULT_LIMITS } from './limits.js';
import type { ServerStep } from './server-contract.js';

const keys = makeSessionKeys();
const pathId = toPathId(3);
const NOTHING = new Uint8Array(0);
const HEADER = proto.MessageHeader.fromPartial({ id: 1n });

function joining(
  changes: { token?: Uint8Array; audience?: string; keys?: typeof keys; renews?: 'primary' | 'secondary' } = {},
) {
  const token = changes.token ?? makeToken(keys);
  return makeClient({ purpose: { kind: 'join', keys, pathId, audience: SECONDARY, ...changes, token }, auth: [] });
}

describe('opening a session', () => {
  test('both ends hold the same session afterwards', async () => {
    const { client, server, messages } = await shakeHands(makeClient(), makeServer());
    expect(server.kind).toBe('open');
    expect(client.sessionId).toBe(server.sessionId);
    expect(client.secret).toEqual(server.keys?.secret);
    expect(client.keys.possession.publicKey).toEqual(server.keys?.possession.publicKey);
    expect(messages).toEqual(['clientHello', 'serverHello']);
  });

  test('each learns what the other said of itself', async () => {
    const { client, server } = await shakeHands(
      makeClient({
        agent: 'browser/2',
        capabilities: [proto.Capability.RAW],
        limits: { ...DEFAULT_LIMITS, maxPaths: 5 },
      }),
      makeServer({
        serverId: 'one',
        capabilities: [proto.Capability.REPLICA],
        limits: { ...DEFAULT_LIMITS, maxPaths: 7 },
      }),
    );
    expect(server).toMatchObject({ agent: 'browser/2', peerCapabilities: [proto.Capability.RAW] });
    expect(server.peerLimits.maxPaths).toBe(5);
    expect(client).toMatchObject({
      serverId: 'one',
      capabilities: [proto.Capability.REPLICA],
      pathId: PRIMARY_PATH_ID,
    });
    expect(client.limits.maxPaths).toBe(7);
    expect(client.serverKey).toEqual(makeSigner().publicKey);
  });

  test('what the first stream begins with comes with the session, and not before the client is let in', async () => {
    const intent = { mode: proto.StreamMode.FAST, deadlineMs: 5, priority: 1, affinityPathId: undefined };
    const early = { data: Uint8Array.of(1, 2, 3), end: true, intent };
    const purpose = { kind: 'open', early } as const;
    const { server } = await shakeHands(makeClient({ purpose }), makeServer());
    expect(server.early).toEqual(early);
    const { server: without } = await shakeHands(makeClient(), makeServer());
    expect(without).not.toHaveProperty('early');
    const challenged = pskServerAuth({ keys: new Map([['name', new Uint8Array(32).fill(7)]]) });
    const auth = [pskClientAuth({ name: 'name', key: new Uint8Array(32).fill(7) })];
    const proven = await shakeHands(makeClient({ purpose, auth }), makeServer({ auth: [challenged] }));
    expect(proven.server.early).toEqual(early);
  });

  test('what the first stream begins with stays behind when the authentication leaves no room for it', () => {
    const early = { data: new Uint8Array(8192), end: false, intent: undefined };
    const sizes = [8192, 8193].map((length) => {
      const exchange = { initial: () => new Uint8Array(length), respond: () => NOTHING, satisfied: () => true };
      const auth = [{ mechanism: 'x-long', begin: () => exchange }];
      const hello = makeClient({ purpose: { kind: 'open', early }, auth }).start();
      return hello.$case === 'clientHello' ? hello.value.early?.data.length : undefined;
    });
    expect(sizes).toEqual([8192, undefined]);
  });

  test('a path that joins brings nothing of a first stream', () => {
    const hello = joining().start();
    if (hello.$case !== 'clientHello') throw new TypeError(hello.$case);
    const early = { data: new Uint8Array(1), end: false, intent: undefined };
    const step = makeServer().handle({ $case: 'clientHello', value: { ...hello.value, early } }, NOW_MS);
    expect(step).toMatchObject({ kind: 'refused', error: { code: 'ERR_KWIK_PROTOCOL_VIOLATION' } });
  });

  test('limits that are not said are those of the version', async () => {
    const nothing = proto.Limits.fromPartial({});
    const { client, server } = await shakeHands(makeClient({ limits: nothing }), makeServer({ limits: nothing }));
    expect(server.peerLimits).toEqual(DEFAULT_LIMITS);
    expect(client.limits).toEqual(DEFAULT_LIMITS);
  });

  test('two sessions have nothing in common', async () => {
    const server = { makeSessionId: () => makeSessionKeys('other').sessionId, sessionSecret: () => new Uint8Array(32) };
    const first = await shakeHands(makeClient(), makeServer());
    const second = await shakeHands(makeClient(), makeServer(server));
    expect(second.client.sessionId).not.toBe(first.client.sessionId);
    expect(second.client.keys.possession.publicKey).not.toEqual(first.client.keys.possession.publicKey);
  });
});

describe('versions', () => {
  test('the newest of both', async () => {
    const { client, server } = await shakeHands(makeClient({ versions: [3, 2, 1] }), makeServer({ versions: [2, 1] }));
    expect([client.version, server.version]).toEqual([2, 2]);
  });

  test('none in common: both learn the versions of both', async () => {
    const failed = shakeHands(makeClient({ versions: [9, 8] }), makeServer());
    await expect(failed).rejects.toMatchObject({
      code: 'ERR_KWIK_VERSION_MISMATCH',
      message: 'no protocol version in common: the client speaks 9, 8, the server 1',
    });
  });
});

describe('joining', () => {
  test('at a secondary, with a token and the proof', async () => {
    const { client, server } = await shakeHands(joining(), makeServer());
    expect(server.kind).toBe('join-secondary');
    expect(server.keys).toBeUndefined();
    expect(server.signer).toEqual(makeSigner().publicKey);
    expect(server.token?.pathId).toBe(pathId);
    expect(client).toMatchObject({ sessionId: keys.sessionId, pathId });
    expect(client.secret).toBeUndefined();
  });

  test('at the primary, by proof alone', async () => {
    const server = makeServer({ findSession: (id) => (id === keys.sessionId ? keys : undefined) });
    const outcome = await shakeHands(joining({ token: new Uint8Array(0) }), server);
    expect(outcome.server).toMatchObject({ kind: 'join-primary', sessionId: keys.sessionId, pathId });
    expect(outcome.server.keys).toBe(keys);
  });

  describe('a path that lives gets a new connection', () => {
    const token = new Uint8Array(0);
    const possessionKey = keys.possession.publicKey;

    test('at the primary, which shows that it has the session', async () => {
      const server = makeServer({
        findRenewable: (_id, path) => (path === pathId ? { possessionKey, keys } : undefined),
      });
      const outcome = await shakeHands(joining({ token, renews: 'primary' }), server);
      expect(outcome.server).toMatchObject({ kind: 'renew', sessionId: keys.sessionId, pathId, keys });
    });

    test('at a secondary, which has only the key to check the proof with; such an answer is no primary', async () => {
      const findRenewable = () => ({ possessionKey });
      const { server } = await shakeHands(joining({ token, renews: 'secondary' }), makeServer({ findRenewable }));
      expect(server).toMatchObject({ kind: 'renew', pathId });
      expect(server.keys).toBeUndefined();
      const asPrimary = shakeHands(joining({ token, renews: 'primary' }), makeServer({ findRenewable }));
      await expect(asPrimary).rejects.toMatchObject({ code: 'ERR_KWIK_PROOF_INVALID' });
    });

    test('not one that the server does not have, nor for whoever does not hold the session', async () => {
      const none = shakeHands(joining({ token, renews: 'primary' }), makeServer({ findSession: () => keys }));
      await expect(none).rejects.toMatchObject({ code: 'ERR_KWIK_PATH_NOT_FOUND' });
      const stolen = deriveSessionKeys(keys.sessionId, new Uint8Array(32).fill(9));
      const findRenewable = () => ({ possessionKey, keys });
      const theft = shakeHands(joining({ token, keys: stolen, renews: 'primary' }), makeServer({ findRenewable }));
      await expect(theft).rejects.toMatchObject({ code: 'ERR_KWIK_PROOF_INVALID' });
    });

    test('a proof that was made for a join is none for a renewal, and no token is taken', async () => {
      const server = makeServer({ findSession: () => keys, findRenewable: () => ({ possessionKey, keys }) });
      const client = joining({ token });
      const hello = client.start();
      const renewing = { ...valueOf(hello), join: { ...valueOf(hello).join!, renewal: true } };
      const challenge = server.handle({ $case: 'clientHello', value: renewing }, NOW_MS);
      if (challenge.kind !== 'reply') throw new TypeError(challenge.kind);
      const { send } = client.handle(challenge.body);
      expect(server.handle(send!, NOW_MS)).toMatchObject({ error: { code: 'ERR_KWIK_PROOF_INVALID' } });
      const withToken = shakeHands(joining({ renews: 'secondary' }), makeServer());
      await expect(withToken).rejects.toMatchObject({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' });
    });
  });

  test('a proof at the primary is good for one connection: whoever saw it cannot show it again', () => {
    const findSession = () => keys;
    const client = joining({ token: new Uint8Array(0) });
    const first = makeServer({ findSession });
    const hello = client.start();
    expect(valueOf(hello).join?.proof).toHaveLength(0);
    const challenge = first.handle(hello, NOW_MS);
    if (challenge.kind !== 'reply') throw new TypeError(challenge.kind);
    const { send: proof } = client.handle(challenge.body);
    if (proof === undefined) throw new TypeError('no proof');
    expect(first.handle(proof, NOW_MS)).toMatchObject({ kind: 'accepted', result: { kind: 'join-primary' } });

    // Everything that the client said, again, on another connection: the server's nonce is another one there.
    const second = makeServer({ findSession, random: seededRandom('another connection') });
    expect(second.handle(hello, NOW_MS)).toMatchObject({ kind: 'reply', body: { $case: 'authChallenge' } });
    expect(second.handle(proof, NOW_MS)).toMatchObject({
      kind: 'refused',
      error: { code: 'ERR_KWIK_PROOF_INVALID' },
    });
  });

  test('a session that ended between challenge and proof is gone', () => {
    let known: typeof keys | undefined = keys;
    const server = makeServer({ findSession: () => known });
    const client = joining({ token: new Uint8Array(0) });
    const challenge = server.handle(client.start(), NOW_MS);
    if (challenge.kind !== 'reply') throw new TypeError(challenge.kind);
    known = undefined;
    const { send } = client.handle(challenge.body);
    expect(server.handle(send as KcpBody, NOW_MS)).toMatchObject({ error: { code: 'ERR_KWIK_SESSION_NOT_FOUND' } });
  });

  test.each([
    ['of another mechanism', { $case: 'authResponse', value: { mechanism: 'psk', data: new Uint8Array(64) } }],
    ['that is no response', { $case: 'pong', value: { sequence: 1n, clockMs: 0n } }],
  ] as [string, KcpBody][])('the primary refuses an answer %s to its challenge', (_what, body) => {
    const server = makeServer({ findSession: () => keys });
    server.handle(joining({ token: new Uint8Array(0) }).start(), NOW_MS);
    expect(server.handle(body, NOW_MS)).toMatchObject({ error: { code: 'ERR_KWIK_PROTOCOL_VIOLATION' } });
  });

  test('a client that returns takes no ServerHello for which it proved nothing, and proves itself once', () => {
    const server = makeServer({ findSession: () => keys });
    const client = joining({ token: new Uint8Array(0) });
    const challenge = server.handle(client.start(), NOW_MS);
    const { send } = client.handle((challenge as Extract<ServerStep, { kind: 'reply' }>).body);
    const hello = server.handle(send as KcpBody, NOW_MS) as Extract<ServerStep, { kind: 'accepted' }>;
    const unasked = joining({ token: new Uint8Array(0) });
    unasked.start();
    const violation = expect.objectContaining({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' });
    expect(() => unasked.handle(hello.body)).toThrow(violation);
    expect(() => client.handle((challenge as Extract<ServerStep, { kind: 'reply' }>).body)).toThrow(violation);
  });

  test('at the primary under a further address that it named in a token', async () => {
    const { server } = await shakeHands(joining(), makeServer({ findSession: () => keys }));
    expect(server).toMatchObject({ kind: 'join-primary', token: { audience: SECONDARY } });
  });

  test('a session id alone opens nothing', async () => {
    const stolen = deriveSessionKeys(keys.sessionId, makeSessionKeys('thief').secret);
    const atPrimary = joining({ token: new Uint8Array(0), keys: stolen });
    await expect(shakeHands(atPrimary, makeServer({ findSession: () => keys }))).rejects.toMatchObject({
      code: 'ERR_KWIK_PROOF_INVALID',
    });
  });

  test('without a token, a server that does not know the session says so', async () => {
    const joiner = joining({ token: new Uint8Array(0) });
    await expect(shakeHands(joiner, makeServer())).rejects.toMatchObject({ code: 'ERR_KWIK_SESSION_NOT_FOUND' });
  });

  test('a stolen token is refused, counted, and not spent', async () => {
    const admission = makeAdmission();
    const thief = joining({ keys: deriveSessionKeys(keys.sessionId, makeSessionKeys('thief').secret) });
    await expect(shakeHands(thief, makeServer({ admission }))).rejects.toMatchObject({
      code: 'ERR_KWIK_PROOF_INVALID',
    });
    const { server } = await shakeHands(joining(), makeServer({ admission }));
    expect(server.kind).toBe('join-secondary');
    expect(admission.counters).toMatchObject({ proof: 1, accepted: 1 });
  });

  test('a proof made for one server is worth nothing at another', async () => {
    // The rogue secondary has seen the hello; its token named the rogue.
    const hello = joining({
      token: makeToken(keys, { audience: 'rogue.example:1' }),
      audience: 'rogue.example:1',
    }).start();
    const value = valueOf(hello);
    const join = { ...(value.join as proto.Join), token: makeToken(keys) };
    const step = makeServer().handle({ $case: 'clientHello', value: { ...value, join } }, NOW_MS);
    expect(step).toMatchObject({ kind: 'refused', error: { code: 'ERR_KWIK_PROOF_INVALID' } });
  });

  test('a token for another path of the session', async () => {
    const joiner = joining({ token: makeToken(keys, { pathId: toPathId(4) }) });
    await expect(shakeHands(joiner, makeServer())).rejects.toMatchObject({ code: 'ERR_KWIK_TOKEN_WRONG_SESSION' });
  });

  test('a client refuses to show a token that cannot be read', () => {
    expect(() => joining({ token: new Uint8Array([1, 2, 3]) }).start()).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_TOKEN_INVALID' }),
    );
  });

  test.each([
    ['another session', { sessionId: new Uint8Array(16) }, 'ERR_KWIK_PROTOCOL_VIOLATION'],
    ['another path', { pathId: 9 }, 'ERR_KWIK_PROTOCOL_VIOLATION'],
    ['a secret', { sessionSecret: new Uint8Array(32) }, 'ERR_KWIK_PROTOCOL_VIOLATION'],
    ['a version that was not offered', { version: 2 }, 'ERR_KWIK_PROTOCOL_VIOLATION'],
    ['no nonce', { serverNonce: new Uint8Array(0) }, 'ERR_KWIK_INVALID_MESSAGE'],
    ['no key', { serverKey: new Uint8Array(0) }, 'ERR_KWIK_INVALID_MESSAGE'],
  ] as const)('a client refuses an answer with %s', (_what, changes, code) => {
    const client = joining();
    const step = makeServer().handle(client.start(), NOW_MS) as Extract<ServerStep, { kind: 'accepted' }>;
    const hello = step.body.value as proto.ServerHello;
    const answer: KcpBody = { $case: 'serverHello', value: { ...hello, ...changes } };
    expect(() => client.handle(answer)).toThrow(expect.objectContaining({ code }));
    expect(() => client.handle(step.body)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_STATE' }));
  });
});

describe('order', () => {
  const pong: KcpBody = { $case: 'pong', value: { sequence: 1n, clockMs: 0n } };

  test.each([
    ['anything before the hello', [pong]],
    ['a response before the hello', [{ $case: 'authResponse', value: { mechanism: 'psk', data: new Uint8Array(0) } }]],
    ['a second hello', [makeClient().start(), makeClient().start()]],
  ] as [string, KcpBody[]][])('a server refuses %s', (_what, bodies) => {
    const server = makeServer();
    const steps = bodies.map((body) => server.handle(body, NOW_MS));
    expect(steps.at(-1)).toMatchObject({ kind: 'refused', error: { code: 'ERR_KWIK_PROTOCOL_VIOLATION' } });
  });

  test('a refused client stays refused', () => {
    const server = makeServer();
    server.handle(pong, NOW_MS);
    expect(server.handle(makeClient().start(), NOW_MS)).toMatchObject({ kind: 'refused' });
  });

  test('a client refuses other messages in the middle, and a challenge to a join', () => {
    const client = makeClient();
    client.start();
    expect(() => client.handle(pong)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' }));
    const joiner = joining();
    joiner.start();
    const value = { mechanism: 'none', data: new Uint8Array(0), serverNonce: new Uint8Array(32) };
    const challenge: KcpBody = { $case: 'authChallenge', value };
    expect(() => joiner.handle(challenge)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' }));
  });

  test("a server's error and its close reach the client as errors of that code", () => {
    const refused = makeClient();
    refused.start();
    const error: KcpBody = { $case: 'error', value: proto.ErrorDetail.fromPartial({ code: 0x34, reason: 'full\nup' }) };
    expect(() => refused.handle(error)).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_CONNECTION_REFUSED', message: 'full up' }),
    );
    const closed = makeClient();
    closed.start();
    const close: KcpBody = { $case: 'close', value: { code: 0x45, reason: 'going', error: true } };
    expect(() => closed.handle(close)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_SESSION_CLOSED' }));
  });

  // Found by `pnpm fuzz --target client-handshake`.
  test("a server's inner fault is not the client's, and has words", () => {
    const detail = proto.ErrorDetail.fromPartial({ code: 0x01 });
    for (const body of [
      { $case: 'error', value: detail },
      { $case: 'close', value: { code: 0x01, reason: '', error: true } },
    ] as KcpBody[]) {
      const client = makeClient();
      client.start();
      expect(() => client.handle(body)).toThrow(
        expect.objectContaining({
          code: 'ERR_KWIK_INTERNAL',
          scope: 'peer',
          message: expect.stringMatching(/invariant/),
        }),
      );
    }
  });

  test("a fault inside the server is the server's secret", () => {
    const server = makeServer({
      findSession: () => {
        throw new Error('database at 10.0.0.7 is down');
      },
    });
    const step = server.handle(joining({ token: new Uint8Array(0) }).start(), NOW_MS);
    expect(step).toMatchObject({ kind: 'refused', error: { code: 'ERR_KWIK_INTERNAL' } });
    expect(JSON.stringify((step.kind === 'refused' && step.body) || '')).not.toContain('10.0.0.7');
  });
});

describe('whatever a client sends', () => {
  const hellos: [string, KcpBody][] = [
    ['open', makeClient().start()],
    ['join', joining().start()],
  ];

  test.each(hellos)('every truncation of a message with a hello (%s) is no message', async (_kind, hello) => {
    const message = proto.KcpMessage.encode({ header: HEADER, body: hello }).finish();
    const headerBytes = proto.KcpMessage.encode({ header: HEADER, body: undefined }).finish().length;
    for (let length = 0; length < message.length; length++) {
      expect(await outcomeOf(message.subarray(0, length))).toBe(
        length === headerBytes ? 'ignored' : 'ERR_KWIK_INVALID_MESSAGE',
      );
    }
  });

  test.each(hellos)('every truncation of the hello (%s) inside its message ends typed', async (_kind, hello) => {
    const value = proto.ClientHello.encode(valueOf(hello)).finish();
    const outcomes = new Set<string>();
    for (let length = 0; length < value.length; length++) {
      const cut = Buffer.from(value.subarray(0, length));
      // Field 10, length-delimited; then the length in two bytes.
      const body = Buffer.concat([Buffer.from([0x52, (cut.length & 0x7f) | 0x80, cut.length >> 7]), cut]);
      const header = proto.KcpMessage.encode({ header: HEADER, body: undefined }).finish();
      outcomes.add(await outcomeOf(Buffer.concat([header, body])));
    }
    // The agent is the last field, and may be missing.
    expect([...outcomes].filter((outcome) => outcome !== 'accepted')).toEqual(
      expect.arrayContaining(['ERR_KWIK_INVALID_MESSAGE']),
    );
    expect([...outcomes].filter((outcome) => !EXPECTED.has(outcome))).toEqual([]);
  });

  test.each(hellos)(
    'random mutations of a hello (%s) end typed or are accepted, never otherwise',
    async (_kind, hello) => {
      const message = proto.KcpMessage.encode({ header: HEADER, body: hello }).finish();
      const mutation = fc.tuple(fc.nat(message.length - 1), fc.nat(255));
      await fc.assert(
        fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 4 }), async (mutations) => {
          const bytes = new Uint8Array(message);
          for (const [at, value] of mutations) bytes[at] = value;
          expect(EXPECTED).toContain(await outcomeOf(bytes));
        }),
        { numRuns: 300 },
      );
    },
  );

  const EXPECTED: ReadonlySet<string> = new Set([
    'accepted',
    'challenged',
    'ignored',
    'ERR_KWIK_INVALID_MESSAGE',
    'ERR_KWIK_PROTOCOL_VIOLATION',
    'ERR_KWIK_VERSION_MISMATCH',
    'ERR_KWIK_CERTIFICATE',
    'ERR_KWIK_AUTH_FAILED',
    'ERR_KWIK_TOKEN_INVALID',
    'ERR_KWIK_TOKEN_FORGED',
    'ERR_KWIK_TOKEN_UNTRUSTED',
    'ERR_KWIK_TOKEN_WRONG_SESSION',
    'ERR_KWIK_PROOF_INVALID',
    'ERR_KWIK_SESSION_NOT_FOUND',
  ]);

  async function outcomeOf(bytes: Uint8Array): Promise<string> {
    try {
      const { body } = decodeKcpMessage(bytes);
      if (body === undefined) return 'ignored';
      const step = await settled(makeServer().handle(body, NOW_MS));
      return step.kind === 'refused' ? step.error.code : step.kind === 'accepted' ? 'accepted' : 'challenged';
    } catch (error) {
      return error instanceof KwikError ? error.code : String(error);
    }
  }
});

function valueOf(body: KcpBody): proto.ClientHello {
  if (body.$case !== 'clientHello') throw new TypeError('not a hello');
  return body.value;
}
