import { describe, expect, test } from '@jest/globals';
import { type PathId, type proto, sessionIdFromBytes, toPathId } from '@kwik/wire';
import type { ClientAuthenticator, ServerAuthenticator } from '../auth/authenticator.js';
import { bearerClientAuth, bearerServerAuth } from '../auth/bearer.js';
import { noneClientAuth, noneServerAuth } from '../auth/none.js';
import { pskClientAuth, pskServerAuth } from '../auth/psk.js';
import type { KcpBody } from '../channel/kcp-body.js';
import { answerProven, proveAnswer } from '../join/join-proof.js';
import { deriveSessionKeys } from '../keys/session-keys.js';
import { settled, shakeHands } from '../test-support/pair.js';
import { seededRandom } from '../test-support/random.js';
import {
  CHANNEL,
  NOW_MS,
  SECONDARY,
  makeAdmission,
  makeClient,
  makeServer,
  makeSessionKeys,
  makeToken,
} from '../test-support/sessions.js';
import type { ClientHandshake } from './client-handshake.js';
import type { ServerHandshake } from './server-handshake.js';

const keys = makeSessionKeys();
const pathId = toPathId(3);
/** What a client sees that reached another server, which passes TLS. */
const RELAY: Uint8Array = new Uint8Array(32).fill(0x3a);
const RELAYED = {
  code: 'ERR_KWIK_CERTIFICATE',
  message: "the server's certificate is not the one that the client saw: somebody relays this connection",
};

const key = seededRandom('psk')(32);
const psk = (): [ClientAuthenticator, ServerAuthenticator] => [
  pskClientAuth({ key, name: 'laptop' }),
  pskServerAuth({ keys: new Map([['laptop', key]]) }),
];

function join(channelBinding: Uint8Array, token: Uint8Array = new Uint8Array(0)): ClientHandshake {
  const purpose = { kind: 'join', keys, pathId, audience: SECONDARY, token } as const;
  return makeClient({ purpose, auth: [], channelBinding });
}

/** Passes messages between the two, as whoever sits between them likes. Rejects with what either refuses with. */
async function relay(
  client: ClientHandshake,
  server: ServerHandshake,
  change: (body: KcpBody) => KcpBody,
): Promise<void> {
  let body = client.start();
  for (;;) {
    const step = await settled(server.handle(change(body), NOW_MS));
    if (step.kind === 'refused') throw step.error;
    const { send, done } = client.handle(change(step.body));
    if (done !== undefined || send === undefined) return;
    body = send;
  }
}

/** Changes what the client says of the certificate that it saw. */
function saying(channelBinding: Uint8Array): (body: KcpBody) => KcpBody {
  return (body) =>
    body.$case === 'clientHello'
      ? { ...body, value: { ...body.value, channelBinding } satisfies proto.ClientHello }
      : body;
}

/** Has the server believe that the client saw the server's own certificate. */
const lieAboutChannel = saying(CHANNEL);

describe('a relayed connection', () => {
  const seen: string[] = [];
  const bearer = (): [ClientAuthenticator, ServerAuthenticator] => [
    bearerClientAuth('secret'),
    bearerServerAuth((token) => {
      seen.push(token);
      return { accepted: true };
    }),
  ];

  test.each([
    ['psk', psk],
    ['bearer', bearer],
    ['none', () => [noneClientAuth(), noneServerAuth()] as [ClientAuthenticator, ServerAuthenticator]],
  ])('is refused by its name, whatever authenticates: %s', async (_name, make) => {
    const [auth, serverAuth] = make();
    const client = makeClient({ auth: [auth], channelBinding: RELAY });
    const server = makeServer({ auth: [serverAuth] });
    await expect(shakeHands(client, server)).rejects.toMatchObject(RELAYED);
    // Nobody was asked about a token of such a connection.
    expect(seen).toEqual([]);
  });

  test.each([
    ['at the primary', () => join(RELAY)],
    ['at a secondary', () => join(RELAY, makeToken(keys))],
  ])('is refused to a path that joins, too: %s', async (_name, client) => {
    const server = makeServer({ findSession: () => keys, admission: makeAdmission() });
    await expect(shakeHands(client(), server)).rejects.toMatchObject(RELAYED);
  });

  test('a relay that changes what the client says it saw has no proof that fits', async () => {
    const [auth, serverAuth] = psk();
    const opening = relay(
      makeClient({ auth: [auth], channelBinding: RELAY }),
      makeServer({ auth: [serverAuth] }),
      lieAboutChannel,
    );
    await expect(opening).rejects.toMatchObject({ code: 'ERR_KWIK_AUTH_FAILED' });
    const atPrimary = relay(join(RELAY), makeServer({ findSession: () => keys }), lieAboutChannel);
    await expect(atPrimary).rejects.toMatchObject({ code: 'ERR_KWIK_PROOF_INVALID' });
    const admission = makeAdmission();
    const atSecondary = relay(join(RELAY, makeToken(keys)), makeServer({ admission }), lieAboutChannel);
    await expect(atSecondary).rejects.toMatchObject({ code: 'ERR_KWIK_PROOF_INVALID' });
    // And the token is not spent: its owner may still use it.
    await expect(shakeHands(join(CHANNEL, makeToken(keys)), makeServer({ admission }))).resolves.toBeDefined();
  });

  test('a client that says nothing of it is refused', async () => {
    await expect(relay(makeClient(), makeServer(), saying(new Uint8Array(0)))).rejects.toMatchObject({
      code: 'ERR_KWIK_INVALID_MESSAGE',
      message: expect.stringContaining('needs a newer version'),
    });
  });

  test.each([undefined, new Uint8Array(0), new Uint8Array(31)])('no end begins without: %p', (channelBinding) => {
    const refused = expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' });
    const options = { channelBinding: channelBinding as Uint8Array };
    expect(() => makeClient(options)).toThrow(refused);
    expect(() => makeServer(options)).toThrow(refused);
  });
});

describe("the primary's answer to a join", () => {
  const primary = (): ServerHandshake => makeServer({ findSession: () => keys });
  const proofOf = (change: (proof: Uint8Array) => Uint8Array) => (body: KcpBody) =>
    body.$case === 'serverHello' ? { ...body, value: { ...body.value, proof: change(body.value.proof) } } : body;

  test('proves the secret', async () => {
    const { client } = await shakeHands(join(CHANNEL), primary());
    expect(client).toMatchObject({ sessionId: keys.sessionId, pathId });
  });

  test.each([
    ['left out', () => new Uint8Array(0), 'gave no proof'],
    [
      'wrong in one bit',
      (proof: Uint8Array) => proof.map((byte, at) => (at === 31 ? byte ^ 1 : byte)),
      'a wrong proof',
    ],
    ['of rubbish', () => new Uint8Array(32), 'a wrong proof'],
  ])('is refused with the proof %s', async (_what, change, message) => {
    await expect(relay(join(CHANNEL), primary(), proofOf(change))).rejects.toMatchObject({
      code: 'ERR_KWIK_PROOF_INVALID',
      message: expect.stringContaining(message),
    });
  });

  test('is not taken from a server that knows id and public key of the session, but not its secret', async () => {
    const other = deriveSessionKeys(keys.sessionId, seededRandom('other secret')(32));
    const impostor = { ...other, sessionId: keys.sessionId, secret: other.secret, possession: keys.possession };
    const server = makeServer({ findSession: () => ({ ...impostor, answerKey: other.answerKey }) });
    await expect(shakeHands(join(CHANNEL), server)).rejects.toMatchObject({ code: 'ERR_KWIK_PROOF_INVALID' });
  });

  test('a secondary gives none; what it gives must hold', async () => {
    const token = makeToken(keys);
    const { client } = await shakeHands(join(CHANNEL, token), makeServer());
    expect(client.pathId).toBe(pathId);
    const lying = relay(
      join(CHANNEL, makeToken(keys)),
      makeServer(),
      proofOf(() => new Uint8Array(32)),
    );
    await expect(lying).rejects.toMatchObject({ code: 'ERR_KWIK_PROOF_INVALID' });
  });

  test('is good for one pair of nonces, one path, one session, one connection', () => {
    const random = seededRandom('transcript');
    const transcript = {
      sessionId: keys.sessionId,
      clientNonce: random(32),
      serverNonce: random(32),
      pathId,
      channelBinding: CHANNEL,
    };
    const proof = proveAnswer(keys, transcript);
    expect(answerProven(keys, transcript, proof)).toBe(true);
    const changes: Partial<typeof transcript>[] = [
      { sessionId: sessionIdFromBytes(random(16)) },
      { clientNonce: transcript.serverNonce },
      { serverNonce: transcript.clientNonce },
      { pathId: 4 as PathId },
      { channelBinding: RELAY },
    ];
    for (const change of changes) expect(answerProven(keys, { ...transcript, ...change }, proof)).toBe(false);
    expect(answerProven(makeSessionKeys('other'), transcript, proof)).toBe(false);
  });
});
