import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { deriveSessionKeys, SessionTickets, type TakenSession } from '@kwik/kcp';
import { KwikError, proto, sessionIdFromBytes } from '@kwik/wire';
import type { CloseInfo } from '../../api/session.js';
import { numbersOf } from './stream-numbers.js';
import { TakenSessions } from './taken-sessions.js';

const NOW_MS = 1_800_000_000_000;
const LIFE_MS = 60_000;
const bytes = (count: number): Uint8Array => new Uint8Array(randomBytes(count));
const tickets = new SessionTickets([bytes(32)]);
const sessionId = sessionIdFromBytes(bytes(16));
const keys = deriveSessionKeys(sessionId, bytes(32));

function sealed(takeovers = 0, laterMs = 0): Uint8Array {
  const expiresMs = NOW_MS + 60_000 + laterMs;
  const fields = { keys, ticketId: bytes(16), expiresMs, grantKeys: [], primary: '', takeovers };
  return tickets.seal(fields, bytes)!;
}

/** A session, as far as its end goes. */
function engine(parting = false) {
  let end: (info: CloseInfo) => void = () => undefined;
  const closed = new Promise<CloseInfo>((resolve) => (end = resolve));
  return { closed, parting, finish: (info: CloseInfo) => end(info) };
}

function begin(taken: TakenSessions, ticket: Uint8Array, parting = false): ReturnType<typeof engine> {
  const session = engine(parting);
  const state = proto.Takeover.fromPartial({});
  const opened: TakenSession = { ticket: taken.open(ticket, sessionId, NOW_MS), state };
  taken.began(sessionId, opened, session, () => NOW_MS);
  return session;
}

describe('a session that was taken over', () => {
  test('and has ended is not begun again by its ticket, and is by none but a later one', async () => {
    const taken = new TakenSessions({ tickets, lifeMs: LIFE_MS });
    const [before, ticket, later, ofNext] = [sealed(0, -20_000), sealed(), sealed(0, 1), sealed(1, -50_000)];
    const session = begin(taken, ticket);
    expect(taken.open(ticket, sessionId, NOW_MS).keys.secret).toEqual(keys.secret);
    session.finish({ by: 'peer', code: 0, reason: '' });
    await session.closed;
    // Also when its time would be over, give or take what clocks differ; and by none that the client has kept from before.
    const old = [
      [ticket, NOW_MS],
      [ticket, NOW_MS + 119_000],
      [before, NOW_MS],
    ] as const;
    for (const [one, nowMs] of old) {
      expect(() => taken.open(one, sessionId, nowMs)).toThrow(
        expect.objectContaining({ code: 'ERR_KWIK_TOKEN_REPLAYED' }),
      );
    }
    // Whose clock may be behind.
    for (const newer of [later, ofNext]) expect(taken.open(newer, sessionId, NOW_MS).keys.secret).toEqual(keys.secret);
  });

  test.each([
    ['one that it took over', sealed()],
    ['its own', undefined],
  ])('and is ended by this server is begun again by no ticket that there may be of it: %s', async (_, ticket) => {
    const taken = new TakenSessions({ tickets, lifeMs: LIFE_MS });
    const session = ticket === undefined ? engine() : begin(taken, ticket);
    if (ticket === undefined) taken.began(sessionId, undefined, session, () => NOW_MS);
    session.finish({ by: 'local', code: 5, reason: 'not here' });
    await session.closed;
    for (const one of [sealed(0, -20_000), sealed(0), ...(ticket === undefined ? [] : [sealed(1)])]) {
      expect(() => taken.open(one, sessionId, NOW_MS)).toThrow(
        expect.objectContaining({ code: 'ERR_KWIK_TOKEN_REPLAYED' }),
      );
    }
    // It went to another server, and came back.
    expect(taken.open(sealed(2), sessionId, NOW_MS).takeovers).toBe(2);
  });

  test('and has ended since its ticket was opened is not begun, however long the proof took', async () => {
    const taken = new TakenSessions({ tickets, lifeMs: LIFE_MS });
    const ticket = sealed();
    const session = begin(taken, ticket);
    const opened = taken.open(ticket, sessionId, NOW_MS);
    session.finish({ by: 'local', code: 0, reason: '' });
    await session.closed;
    expect(() => taken.admit(opened)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_TOKEN_REPLAYED' }));
  });

  test.each(['peer', 'error'] as const)('and given back by its client can be taken over again (%s)', async (by) => {
    const taken = new TakenSessions({ tickets, lifeMs: LIFE_MS });
    const ticket = sealed();
    const session = begin(taken, ticket);
    const error = new KwikError('ERR_KWIK_ABORTED');
    session.finish({ by, code: error.wireNumber, reason: '', error });
    await session.closed;
    expect(taken.open(ticket, sessionId, NOW_MS).keys.secret).toEqual(keys.secret);
  });

  test('and given back by its client while this server ends it is not begun again', async () => {
    const taken = new TakenSessions({ tickets, lifeMs: LIFE_MS });
    const ticket = sealed();
    const session = begin(taken, ticket, true);
    const error = new KwikError('ERR_KWIK_ABORTED');
    session.finish({ by: 'peer', code: error.wireNumber, reason: '', error });
    await session.closed;
    expect(() => taken.open(ticket, sessionId, NOW_MS)).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_TOKEN_REPLAYED' }),
    );
  });

  test('may be taken over anew by its client, which ends the one before', async () => {
    const taken = new TakenSessions({ tickets, lifeMs: LIFE_MS });
    const ticket = sealed();
    const session = begin(taken, ticket);
    taken.replace(session);
    expect(await session.closed).toMatchObject({ by: 'peer', code: 0 });
    expect(taken.open(ticket, sessionId, NOW_MS).keys.secret).toEqual(keys.secret);
  });
});

describe('what a client says of its streams', () => {
  const state = (changes: Partial<proto.Takeover>): proto.Takeover =>
    proto.Takeover.fromPartial({ serverBidiAllowed: 1024n, serverUniAllowed: 1024n, nextPathId: 1, ...changes });

  test('is seen from the other end', () => {
    const told = { clientBidiStreams: 3n, clientUniStreams: 1n, serverBidiStreams: 7n, serverUniStreams: 2n };
    expect(numbersOf(state(told))).toEqual({
      own: { bidi: 7n, uni: 2n },
      peer: { bidi: 3n, uni: 1n },
      mayOpen: { bidi: 1024n, uni: 1024n },
    });
  });

  test.each([
    { clientBidiStreams: (1n << 60n) + 1n },
    { serverUniAllowed: (1n << 60n) + 1n },
    { serverBidiStreams: 1025n },
    { serverUniStreams: 1025n },
  ])('is refused where there cannot be so many: %p', (changes) => {
    expect(() => numbersOf(state(changes))).toThrow(expect.objectContaining({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' }));
  });

  test.each([
    [0, false],
    [1, true],
    [65_536, true],
    [65_537, false],
    [2 ** 32 - 1, false],
  ])('is taken with %d as the number of the next path: %p', (nextPathId, taken) => {
    const numbers = (): unknown => numbersOf(state({ nextPathId }));
    if (taken) expect(numbers()).toBeDefined();
    else expect(numbers).toThrow(expect.objectContaining({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' }));
  });
});
