import { describe, expect, jest, test } from '@jest/globals';
import { ClientHandshake, deriveSessionKeys, SessionTickets, type SessionKeys } from '@kwik/kcp';
import type { Leaving } from '@kwik/session';
import { KwikError, PRIMARY_PATH_ID, proto, sessionIdFromBytes } from '@kwik/wire';
import { helloTo } from '../src/client/client-hello.js';
import { shakeHands } from '../src/client/client-handshake.js';
import { resolveLimits } from '../src/limits.js';
import type { PathPort } from '../src/runtime/paths/path-port.js';
import { echoes } from './harness.js';
import {
  accepted,
  content,
  first,
  fleet,
  FLEET,
  kill,
  listening,
  once,
  read,
  request,
  type Fleet,
} from './takeover-fleet.js';

/** For machines that do much else at the time: the times in here are virtual. */
jest.setTimeout(120_000);

const NOTHING = new Uint8Array(0);
const NEW_KEY = new Uint8Array(32).fill(0xa7);
/** The streams and paths of a session that has had none. */
const AT_FIRST = { serverBidiAllowed: 1024n, serverUniAllowed: 1024n, nextPathId: 1 };

/** A client's session, and all that it knows: its keys, and the tickets that it was given. */
async function known(seed: number, options: Parameters<typeof fleet>[1] = {}) {
  const tickets: Uint8Array[] = [];
  const features = listening((body) => {
    if (body.$case === 'standby') tickets.push(body.value.ticket.slice());
  });
  const made = await fleet(seed, { ...options, ofPrimary: { onSession: echoes, features, ...options.ofPrimary } });
  const sessionId = sessionIdFromBytes(Buffer.from(made.client.id, 'hex'));
  const { keys } = new SessionTickets(FLEET).open(tickets[0]!, sessionId, Date.now());
  return { ...made, tickets, keys };
}

/** Shows the ticket at the standby, as a client of our own making. */
async function show(
  { world, standby }: Pick<Fleet, 'world' | 'standby'>,
  {
    keys,
    ticket,
    says = {},
  }: { readonly keys: SessionKeys; readonly ticket: Uint8Array; readonly says?: Partial<proto.Takeover> },
): Promise<PathPort> {
  const dialled = world.network.dial({ to: standby.address, timeoutMs: 3000, idleTimeoutMs: 30_000 });
  const transport = await world.settle(dialled);
  const takeover = proto.Takeover.fromPartial({ ...AT_FIRST, ...says, ticket });
  const purpose = { kind: 'join', keys, pathId: PRIMARY_PATH_ID, token: NOTHING, audience: '', takeover } as const;
  const hello = helloTo(transport, { auth: undefined, limits: resolveLimits({}), idleMs: 30_000, compresses: false });
  const handshake = new ClientHandshake({ purpose, ...hello });
  const shaken = shakeHands(transport, handshake, world.clock, { timeoutMs: 3000, address: standby.address });
  return (await world.settle(shaken)).port;
}

describe('a ticket', () => {
  test('is of no use to who has it, and not the secret of the session', async () => {
    const made = await known(70);
    const thief = deriveSessionKeys(made.keys.sessionId, new Uint8Array(32).fill(1));
    await expect(show(made, { keys: thief, ticket: made.tickets[0]! })).rejects.toMatchObject({
      code: 'ERR_KWIK_PROOF_INVALID',
    });
    expect(made.standby.sessions).toHaveLength(0);
    expect(made.client.getActivePaths()).toMatchObject([{ address: made.primary.address }]);
  });

  test('opens nothing any more where its session was ended', async () => {
    const { tickets, keys, ...made } = await known(71);
    const ticket = tickets[0]!;
    await show(made, { keys, ticket });
    await made.world.settle(first(made.standby).close(5, 'not here'));
    await expect(show(made, { keys, ticket })).rejects.toMatchObject({ code: 'ERR_KWIK_TOKEN_REPLAYED' });
    expect(made.standby.sessions).toHaveLength(1);
  });

  test('of before opens nothing either, nor does one that the server that ended it has sealed', async () => {
    const { tickets, keys, ...made } = await known(79);
    await made.world.pass(25_000);
    const [older, newer] = tickets as [Uint8Array, Uint8Array];
    await show(made, { keys, ticket: newer });
    await made.world.settle(first(made.standby).close(5, 'not here'));
    for (const ticket of [older, newer])
      await expect(show(made, { keys, ticket })).rejects.toMatchObject({ code: 'ERR_KWIK_TOKEN_REPLAYED' });
    await made.world.settle(first(made.primary).close(5, 'nor here'));
    const atPrimary = { world: made.world, standby: made.primary };
    await expect(show(atPrimary, { keys, ticket: newer })).rejects.toMatchObject({ code: 'ERR_KWIK_TOKEN_REPLAYED' });
    expect(made.standby.sessions).toHaveLength(1);
  });

  test.each(['message', 'connection'])(
    'opens nothing any more where its client aborts while the server ends it (%s)',
    async (by) => {
      const { tickets, keys, ...made } = await known(78);
      const ticket = tickets[0]!;
      const port = await show(made, { keys, ticket });
      const session = first(made.standby);
      // The client acknowledges nothing.
      await session.openStream({ unidirectional: true }).write('farewell');
      const closing = session.close(5, 'not here');
      const { wireNumber: code } = new KwikError('ERR_KWIK_ABORTED');
      const close = { $case: 'close', value: { code, reason: 'back', error: true } } as const;
      if (by === 'message') port.control!.channel.send(close, made.world.clock.now());
      else port.close(code, 'back');
      await made.world.settle(closing);
      expect(session.engine.closeInfo).toMatchObject({ error: { code: 'ERR_KWIK_ABORTED' } });
      await expect(show(made, { keys, ticket })).rejects.toMatchObject({ code: 'ERR_KWIK_TOKEN_REPLAYED' });
    },
  );

  test('that two show at once leaves one session of them, that of the later one', async () => {
    const { tickets, keys, ...made } = await known(72);
    const ticket = tickets[0]!;
    const ports = [await show(made, { keys, ticket }), await show(made, { keys, ticket })] as const;
    await made.world.pass(500);
    expect(accepted(made.standby).map(({ engine }) => engine.closeInfo)).toEqual([
      expect.objectContaining({ by: 'peer' }),
      undefined,
    ]);
    expect(ports.map(({ transport }) => transport.closed)).toEqual([true, false]);
  });

  test.each([
    ['has expired', -61_000],
    ['says that it lives for years', 10 * 365 * 24 * 3600 * 1000],
  ])('that %s is refused', async (_what, fromNowMs) => {
    const { keys, ...made } = await known(73);
    const random = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(9);
    const fields = {
      keys,
      ticketId: random(16),
      expiresMs: Date.now() + fromNowMs,
      grantKeys: [],
      primary: '',
      takeovers: 0,
    };
    const ticket = new SessionTickets(FLEET).seal(fields, random)!;
    await expect(show(made, { keys, ticket })).rejects.toMatchObject({ code: 'ERR_KWIK_TOKEN_EXPIRED' });
  });

  test.each([
    ['paths that are the client’s own', { nextPathId: 0 }],
    ['no path that there can be', { nextPathId: 70_000 }],
    ['more streams than there can be', { clientBidiStreams: 1n << 61n }],
    ['more of its own streams than it may open', { serverBidiStreams: 2000n }],
  ])('with words of %s is refused, and is good for others', async (_what, says) => {
    const { tickets, keys, ...made } = await known(74);
    const ticket = tickets[0]!;
    await expect(show(made, { keys, ticket, says })).rejects.toMatchObject({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' });
    expect(made.standby.sessions).toHaveLength(0);
    await show(made, { keys, ticket });
    expect(made.standby.sessions).toHaveLength(1);
  });
});

describe('keys of the fleet that change in the midst of sessions', () => {
  test('do no harm where each server has the new one before any seals by it', async () => {
    const { world, primary, standby, client } = await fleet(75, {
      ofPrimary: { takeover: { fleetKeys: [NEW_KEY, ...FLEET], standby: { address: '10.0.0.2:4433' } } },
      ofStandby: { takeover: { fleetKeys: [...FLEET, NEW_KEY] } },
    });
    const stream = await request(client);
    const reading = read(
      world,
      stream,
      once(1_000_000, () => kill(primary)),
    );
    expect((await world.settle(reading)).whole.equals(content)).toBe(true);
    expect(standby.sessions).toHaveLength(1);
  });

  test('cost the session where the standby has not heard of the new one', async () => {
    const { world, primary, standby, client } = await fleet(76, {
      ofPrimary: { takeover: { fleetKeys: [NEW_KEY, ...FLEET], standby: { address: '10.0.0.2:4433' } } },
    });
    kill(primary);
    expect(await world.settle(client.closed)).toMatchObject({ error: { code: 'ERR_KWIK_NO_PATH' } });
    expect(standby.refusals).toEqual([expect.objectContaining({ code: 'ERR_KWIK_TOKEN_INVALID' })]);
  });
});

describe('a primary that names itself as its standby', () => {
  test('has one session of the client when it was only silent, and that goes on', async () => {
    const { world, primary, client } = await fleet(77, {
      ofPrimary: { onSession: echoes, takeover: { fleetKeys: FLEET, standby: { address: '10.0.0.1:4433' } } },
    });
    const before = await world.settle(request(client, 'before'));
    void before.close();
    await world.settle(read(world, before));
    primary.link.cut();
    await world.pass(8000);
    primary.link.heal();
    await world.pass(5000);
    const after = await world.settle(request(client, 'after'));
    void after.close();
    expect((await world.settle(read(world, after))).whole.toString()).toBe('after');
    const open = accepted(primary).filter(({ engine }) => engine.closeInfo === undefined);
    expect(open).toHaveLength(1);
  });
});

describe('a primary that says of its standby what no honest one says', () => {
  /** A client with a stream that keeps it there, and what its primary says. */
  async function held(seed: number) {
    const made = await fleet(seed, { ofPrimary: { onSession: echoes, takeover: { fleetKeys: FLEET } } });
    const told: Leaving[] = [];
    made.client.onLeaving((one) => told.push(one));
    const stream = await made.world.settle(request(made.client, 'one'));
    await made.world.settle(stream.read());
    const say = (value: Partial<proto.Standby>): void => {
      const standby = { address: '10.0.0.2:4433', ticket: new Uint8Array(40), lifeMs: 60_000, leaving: true, ...value };
      first(made.primary).engine.controlPath!.send({
        $case: 'standby',
        value: proto.Standby.fromPartial(standby),
      });
      first(made.primary).engine.wake();
    };
    return { ...made, told, stream, say };
  }

  test('as an address that is none ends no session, and is told to no application', async () => {
    const { world, client, told, stream, say } = await held(80);
    say({ address: 'nowhere' });
    await world.pass(1000);
    expect(told).toEqual([]);
    await world.settle(stream.write('two'));
    expect(Buffer.from((await world.settle(stream.read()))!).toString()).toBe('two');
    expect(client.getActivePaths()).toHaveLength(1);
  });

  test('again and again has the application told once a second at the most, of the last one', async () => {
    const { world, told, say } = await held(81);
    for (let round = 0; round < 50; round++) {
      say({ leaving: false });
      say({ address: `10.0.1.${round}:4433` });
      await world.pass(50);
    }
    await world.pass(2000);
    expect(told.length).toBeLessThanOrEqual(4);
    expect(told.at(-1)).toMatchObject({ address: '10.0.1.49:4433' });
  });
});
