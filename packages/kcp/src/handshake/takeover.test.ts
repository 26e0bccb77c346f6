import { describe, expect, test } from '@jest/globals';
import { PRIMARY_PATH_ID, proto, toPathId } from '@kwik/wire';
import { deriveSessionKeys } from '../keys/session-keys.js';
import { SessionTickets } from '../takeover/session-ticket.js';
import { shakeHands } from '../test-support/pair.js';
import { seededRandom } from '../test-support/random.js';
import { makeClient, makeServer, makeSessionKeys, NOW_MS } from '../test-support/sessions.js';
import type { JoinPurpose } from './client-handshake.js';
import type { ServerHandshakeOptions } from './server-contract.js';
import type { ServerHandshake } from './server-handshake.js';

const keys = makeSessionKeys();
const random = seededRandom('takeover');
const fleet = new SessionTickets([random(32)]);
const NO_TOKEN = new Uint8Array(0);

function ticketOf(session = keys): Uint8Array {
  const fields = { keys: session, ticketId: random(16), expiresMs: NOW_MS + 60_000, identity: 'laptop' };
  return fleet.seal({ ...fields, grantKeys: [random(32)], primary: 'one', takeovers: 0 }, random)!;
}

function state(ticket = ticketOf()): proto.Takeover {
  return proto.Takeover.fromPartial({ ticket, clientBidiStreams: 3n, serverBidiAllowed: 1024n, nextPathId: 2 });
}

function takingOver(changes: Partial<JoinPurpose> = {}) {
  const purpose = {
    kind: 'join',
    keys,
    pathId: PRIMARY_PATH_ID,
    token: NO_TOKEN,
    audience: '',
    takeover: state(),
  } as const;
  return makeClient({ purpose: { ...purpose, ...changes }, auth: [] });
}

function standby(changes: Partial<ServerHandshakeOptions> = {}): ServerHandshake {
  return makeServer({ openTicket: (...presented) => fleet.open(...presented), ...changes });
}

describe('a takeover', () => {
  test('makes the standby the primary of the session, with its keys and its client', async () => {
    const { client, server } = await shakeHands(takingOver(), standby());
    expect(server).toMatchObject({ kind: 'takeover', sessionId: keys.sessionId, pathId: 0, identity: 'laptop' });
    expect(server.keys?.secret).toEqual(keys.secret);
    expect(server.taken?.state).toMatchObject({ clientBidiStreams: 3n, serverBidiAllowed: 1024n, nextPathId: 2 });
    expect(client).toMatchObject({ sessionId: keys.sessionId, pathId: 0 });
    expect(client.secret).toBeUndefined();
  });

  test('is refused to whoever has the ticket, and not the session', async () => {
    const thief = deriveSessionKeys(keys.sessionId, random(32));
    await expect(shakeHands(takingOver({ keys: thief }), standby())).rejects.toMatchObject({
      code: 'ERR_KWIK_PROOF_INVALID',
    });
  });

  test("is refused with the ticket of another session of the same client's", async () => {
    const other = makeSessionKeys('other');
    await expect(shakeHands(takingOver({ takeover: state(ticketOf(other)) }), standby())).rejects.toMatchObject({
      code: 'ERR_KWIK_TOKEN_INVALID',
    });
  });

  test('is refused by a server that takes none over', async () => {
    await expect(shakeHands(takingOver(), makeServer())).rejects.toMatchObject({ code: 'ERR_KWIK_SESSION_NOT_FOUND' });
  });

  test('is refused where it is not of the first path', async () => {
    await expect(shakeHands(takingOver({ pathId: toPathId(3) }), standby())).rejects.toMatchObject({
      code: 'ERR_KWIK_PROTOCOL_VIOLATION',
    });
  });

  test.each([
    ['no proof', NO_TOKEN],
    ['a wrong one', new Uint8Array(32)],
  ])('by a server that gives %s of the secret is no takeover to the client', async (_what, proof) => {
    const client = takingOver();
    const server = standby();
    const challenge = server.handle(client.start(), NOW_MS);
    if (challenge.kind !== 'reply') throw new TypeError(challenge.kind);
    const answer = server.handle(client.handle(challenge.body).send!, NOW_MS);
    if (answer.kind !== 'accepted') throw new TypeError(answer.kind);
    const hello = answer.body.value as proto.ServerHello;
    expect(() => client.handle({ $case: 'serverHello', value: { ...hello, proof } })).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_PROOF_INVALID' }),
    );
  });

  test('takes the answer to no other challenge: that of a join is none', () => {
    const client = makeClient({
      purpose: { kind: 'join', keys, pathId: PRIMARY_PATH_ID, token: NO_TOKEN, audience: '' },
      auth: [],
    });
    const hello = client.start().value as proto.ClientHello;
    const server = standby();
    const join = { ...hello.join!, takeover: state() };
    const challenge = server.handle({ $case: 'clientHello', value: { ...hello, join } }, NOW_MS);
    if (challenge.kind !== 'reply') throw new TypeError(challenge.kind);
    const step = server.handle(client.handle(challenge.body).send!, NOW_MS);
    expect(step).toMatchObject({ kind: 'refused', error: { code: 'ERR_KWIK_PROOF_INVALID' } });
  });
});
