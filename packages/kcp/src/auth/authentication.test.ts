import { describe, expect, test } from '@jest/globals';
import { KwikError, type proto } from '@kwik/wire';
import type { KcpBody } from '../channel/kcp-body.js';
import { settled, shakeHands } from '../test-support/pair.js';
import { seededRandom } from '../test-support/random.js';
import { NOW_MS, authPair, makeClient, makeServer } from '../test-support/sessions.js';
import type { AuthDecision, ClientAuthenticator, ServerAuthenticator } from './authenticator.js';
import { MAX_BEARER_BYTES, bearerClientAuth, bearerServerAuth } from './bearer.js';
import { noneClientAuth, noneServerAuth } from './none.js';
import { pskClientAuth, pskServerAuth } from './psk.js';

const key = seededRandom('psk')(32);
const wrongKey = seededRandom('wrong')(32);
const pskServer = pskServerAuth({ keys: new Map([['laptop', key]]) });

describe('choosing a mechanism', () => {
  test('the first of the client that the server takes; another than the first costs a round trip', async () => {
    const client = makeClient({ auth: [bearerClientAuth('t'), noneClientAuth()] });
    const { server, messages } = await shakeHands(client, makeServer({ auth: [pskServer, noneServerAuth()] }));
    expect(server.mechanism).toBe('none');
    expect(messages).toEqual(['clientHello', 'authChallenge', 'authResponse', 'serverHello']);
  });

  test('none in common: the reason names both lists', async () => {
    const { client, server } = authPair(noneClientAuth(), pskServer);
    await expect(shakeHands(client, server)).rejects.toMatchObject({
      code: 'ERR_KWIK_AUTH_FAILED',
      message: 'no way to authenticate in common: the client offers none, the server takes psk',
    });
  });

  test('a client does not do what it did not offer', () => {
    const client = makeClient();
    client.start();
    expect(() => client.handle(challenge('bearer'))).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_AUTH_FAILED', message: expect.stringContaining('bearer') }),
    );
  });

  test('a server may not change its mind', () => {
    const client = makeClient({ auth: [pskClientAuth({ key, name: 'laptop' }), noneClientAuth()] });
    client.start();
    client.handle(challenge('psk'));
    expect(() => client.handle(challenge('none'))).toThrow(expect.objectContaining({ code: 'ERR_KWIK_AUTH_FAILED' }));
  });

  test('one of another name plugs in', async () => {
    const plugged: ClientAuthenticator = {
      mechanism: 'x-rot',
      begin: () => ({
        initial: () => new Uint8Array([1]),
        respond: ([byte]) => new Uint8Array([(byte as number) + 1]),
        satisfied: () => true,
      }),
    };
    const server: ServerAuthenticator = {
      mechanism: 'x-rot',
      begin: () => ({
        step: ([byte]) =>
          (byte as number) < 4
            ? { kind: 'challenge', data: new Uint8Array([byte as number]) }
            : { kind: 'decided', decision: { accepted: true, identity: `after ${byte}` } },
      }),
    };
    const pair = authPair(plugged, server);
    expect((await shakeHands(pair.client, pair.server)).server.identity).toBe('after 4');
  });

  test('endless challenges end on either side', () => {
    const endless: ServerAuthenticator = {
      mechanism: 'x-endless',
      begin: () => ({ step: () => ({ kind: 'challenge', data: new Uint8Array(0) }) }),
    };
    const answering: ClientAuthenticator = {
      mechanism: 'x-endless',
      begin: () => ({ initial: () => new Uint8Array(0), respond: () => new Uint8Array(0), satisfied: () => false }),
    };
    const server = makeServer({ auth: [endless] });
    const client = makeClient({ auth: [answering] });
    let step = server.handle(client.start(), NOW_MS);
    const response: KcpBody = { $case: 'authResponse', value: { mechanism: 'x-endless', data: new Uint8Array(0) } };
    for (let round = 0; round < 8; round++) step = server.handle(response, NOW_MS);
    expect(step).toMatchObject({ kind: 'refused', error: { code: 'ERR_KWIK_PROTOCOL_VIOLATION' } });
    for (let round = 0; round < 8; round++) client.handle(challenge('x-endless'));
    expect(() => client.handle(challenge('x-endless'))).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' }),
    );
  });
});

describe('pre-shared key', () => {
  test('proves both sides; the identity is the name of the key, and the key never travels', async () => {
    const { client, server } = authPair(pskClientAuth({ key, name: 'laptop' }), pskServer);
    const outcome = await shakeHands(client, server);
    expect(outcome.server).toMatchObject({ mechanism: 'psk', identity: 'laptop' });
    expect(outcome.messages.filter((kind) => kind === 'authChallenge')).toHaveLength(2);
  });

  test.each([
    ['a wrong key', pskClientAuth({ key: wrongKey, name: 'laptop' })],
    ['an unknown name', pskClientAuth({ key, name: 'phone' })],
    ['no name', pskClientAuth({ key })],
  ])('%s is refused, without a word about which', async (_what, auth) => {
    const { client, server } = authPair(auth, pskServer);
    await expect(shakeHands(client, server)).rejects.toMatchObject({
      code: 'ERR_KWIK_AUTH_FAILED',
      message: 'authentication by psk was refused',
    });
  });

  test('the server shows nothing made with the key to a client that has not proven itself', () => {
    const server = makeServer({ auth: [pskServer] });
    const client = makeClient({ auth: [pskClientAuth({ key: wrongKey, name: 'laptop' })] });
    const step = server.handle(client.start(), NOW_MS);
    expect(step).toMatchObject({ kind: 'reply', body: { value: { data: new Uint8Array(0) } } });
  });

  test('a client refuses a server that does not hold the key, or leaves its proof out', () => {
    const guess = makeClient({ auth: [pskClientAuth({ key, name: 'laptop' })] });
    guess.start();
    guess.handle(challenge('psk'));
    expect(() => guess.handle(challenge('psk', new Uint8Array(32)))).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_AUTH_FAILED', message: expect.stringContaining('psk') }),
    );

    const skipped = makeClient({ auth: [pskClientAuth({ key, name: 'laptop' })] });
    const step = makeServer().handle(openHello(skipped.start(), ['none']), NOW_MS);
    if (step.kind !== 'accepted') throw new TypeError('the lax server must accept');
    expect(() => skipped.handle(step.body)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_AUTH_FAILED' }));
  });

  test("a client's own proof sent back to it is not the server's", () => {
    const client = makeClient({ auth: [pskClientAuth({ key, name: 'laptop' })] });
    client.start();
    const { send } = client.handle(challenge('psk'));
    const proof = (send?.value as proto.AuthResponse).data;
    expect(() => client.handle(challenge('psk', proof))).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_AUTH_FAILED' }),
    );
  });

  test('a proof is worth nothing in another handshake', () => {
    const first = makeServer({ auth: [pskServer] });
    const client = makeClient({ auth: [pskClientAuth({ key, name: 'laptop' })] });
    const hello = client.start();
    const asked = first.handle(hello, NOW_MS);
    if (asked.kind !== 'reply') throw new TypeError('a challenge must come');
    const proof = client.handle(asked.body).send as KcpBody;
    expect(first.handle(proof, NOW_MS).kind).toBe('reply');
    const second = makeServer({ auth: [pskServer], random: seededRandom('another server nonce') });
    second.handle(hello, NOW_MS);
    expect(second.handle(proof, NOW_MS)).toMatchObject({ kind: 'refused', error: { code: 'ERR_KWIK_AUTH_FAILED' } });
  });

  test('the nonce of a handshake does not change', () => {
    const client = makeClient({ auth: [pskClientAuth({ key, name: 'laptop' })] });
    client.start();
    client.handle(challenge('psk'));
    expect(() => client.handle(challenge('psk', new Uint8Array(32), new Uint8Array(32).fill(9)))).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' }),
    );
  });

  test('keys that can be guessed are not taken', () => {
    const short = new Uint8Array(15);
    const credentials = expect.objectContaining({ code: 'ERR_KWIK_CREDENTIALS' });
    expect(() => pskClientAuth({ key: short })).toThrow(credentials);
    expect(() => pskServerAuth({ keys: new Map([['', short]]) })).toThrow(credentials);
  });
});

describe('bearer token', () => {
  const people = new Map([['letmein', 'alice']]);
  const check = async (token: string): Promise<AuthDecision> => {
    await Promise.resolve();
    const identity = people.get(token);
    return identity === undefined ? { accepted: false } : { accepted: true, identity };
  };

  test('is decided by whoever is asked, later', async () => {
    const { client, server } = authPair(bearerClientAuth('letmein'), bearerServerAuth(check));
    const outcome = await shakeHands(client, server);
    expect(outcome.server).toMatchObject({ mechanism: 'bearer', identity: 'alice' });
    expect(outcome.messages).toEqual(['clientHello', 'serverHello']);
  });

  test('a wrong one is refused, and does not come back in the reason', async () => {
    const { client, server } = authPair(bearerClientAuth('guess-4711'), bearerServerAuth(check));
    const error = await shakeHands(client, server).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'ERR_KWIK_AUTH_FAILED', message: 'authentication by bearer was refused' });
  });

  test('as second choice it is asked for', async () => {
    const client = makeClient({ auth: [pskClientAuth({ key }), bearerClientAuth(() => 'letmein')] });
    const outcome = await shakeHands(client, makeServer({ auth: [bearerServerAuth(check)] }));
    expect(outcome.server.identity).toBe('alice');
  });

  test('nothing but the decision ends the waiting', () => {
    const server = makeServer({ auth: [bearerServerAuth(check)] });
    const hello = makeClient({ auth: [bearerClientAuth('letmein')] }).start();
    const step = server.handle(hello, NOW_MS);
    if (step.kind !== 'decide') throw new TypeError('a decision must be asked for');
    expect(server.handle(hello, NOW_MS)).toMatchObject({ error: { code: 'ERR_KWIK_PROTOCOL_VIOLATION' } });
    expect(step.decide({ accepted: true })).toMatchObject({ kind: 'refused' });
  });

  test('a decision is given once', async () => {
    const server = makeServer({ auth: [bearerServerAuth(check)] });
    const step = server.handle(makeClient({ auth: [bearerClientAuth('letmein')] }).start(), NOW_MS);
    if (step.kind !== 'decide') throw new TypeError('a decision must be asked for');
    expect((await settled(step)).kind).toBe('accepted');
    expect(() => step.decide({ accepted: true })).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_STATE' }));
  });

  test('nobody is asked about what is no token', () => {
    for (const data of [new Uint8Array(0), new Uint8Array(MAX_BEARER_BYTES + 1), new Uint8Array([0xff])]) {
      const server = makeServer({ auth: [bearerServerAuth(check)] });
      const hello = openHello(makeClient().start(), ['bearer'], data);
      expect(server.handle(hello, NOW_MS)).toMatchObject({ error: { code: 'ERR_KWIK_AUTH_FAILED' } });
    }
    expect(() => bearerClientAuth('')).toThrow(KwikError);
  });
});

function challenge(mechanism: string, data: Uint8Array = new Uint8Array(0), serverNonce = new Uint8Array(32)): KcpBody {
  return { $case: 'authChallenge', value: { mechanism, data, serverNonce } };
}

/** The hello of a client that offers other mechanisms than it says. */
function openHello(body: KcpBody, authMechanisms: string[], authInitial: Uint8Array = new Uint8Array(0)): KcpBody {
  if (body.$case !== 'clientHello') throw new TypeError('not a hello');
  return { $case: 'clientHello', value: { ...body.value, authMechanisms, authInitial } };
}
