import { describe, expect, jest, test } from '@jest/globals';
import type { Leaving, ServerSession, Session, SessionLimits, Takeover } from '@kwik/session';
import type { AcceptedSession } from '../src/server/server-session.js';
import { pattern, sourceOf } from './harness.js';
import { SimulatedWorld, type SimulatedServer } from './simulated-world.js';

/** For machines that do much else at the time: the times in here are virtual. */
jest.setTimeout(120_000);

const LINK = { both: { rateBitsPerSecond: 20e6, delayMs: 10, queueBytes: 100_000 } };
const takeover = { fleetKeys: [new Uint8Array(32).fill(0xf1)] };
const content = pattern(3_000_000, 12);

/** Sends back what comes in each stream of the client; for `film`, the content. */
function serves(session: ServerSession): void {
  void (async () => {
    for (;;) {
      const stream = await session.acceptStream();
      void (async () => {
        for await (const chunk of stream) {
          if (Buffer.from(chunk).toString() === 'film') {
            await stream.sendFrom('film', sourceOf(content), { end: true });
            return;
          }
          await stream.write(chunk);
        }
        await stream.close();
      })().catch(() => undefined);
    }
  })().catch(() => undefined);
}

interface Fleet {
  readonly world: SimulatedWorld;
  readonly servers: readonly SimulatedServer[];
  readonly client: Session;
}

/** Each server names the next one as its standby; the client is at the first. */
async function fleet(seed: number, hosts: readonly string[], limits: SessionLimits = {}): Promise<Fleet> {
  const world = new SimulatedWorld(seed);
  const servers = hosts.map((host, index) => {
    const next = hosts[index + 1];
    const standby = next === undefined ? {} : { standby: { address: `${next}:4433` } };
    const source = sourceOf(content);
    return world.server(host, LINK, { takeover: { ...takeover, ...standby }, source, onSession: serves, limits });
  });
  const client = await world.dial(servers[0]!.address, { trust: { allowTargets: ['private'] } });
  await world.pass(200);
  return { world, servers, client };
}

function kill({ process, link }: SimulatedServer): void {
  process.end();
  link.cut();
}

async function opened(client: Session, text: string) {
  const stream = client.openStream();
  await stream.write(text);
  return stream;
}

describe('the application of a client', () => {
  test('is told of each new primary, and of the streams that ended with the one before', async () => {
    const { world, client, servers } = await fleet(1, ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    const told: Takeover[] = [];
    client.onTakeover((one) => told.push(one));
    const finished = await world.settle(opened(client, 'over before'));
    void finished.close();
    while ((await world.settle(finished.read())) !== null);
    const lost = await Promise.all([world.settle(opened(client, 'one')), world.settle(opened(client, 'two'))]);
    for (const stream of lost) await world.settle(stream.read());
    kill(servers[0]!);
    await world.pass(10_000);
    const first = { address: '10.0.0.2:4433', before: '10.0.0.1:4433', serverId: '10.0.0.2' };
    expect(told).toEqual([{ ...first, lost: lost.map(({ id }) => id) }]);
    for (const stream of lost)
      await expect(world.settle(stream.read())).rejects.toMatchObject({ code: 'ERR_KWIK_NO_PATH' });
    kill(servers[1]!);
    await world.pass(10_000);
    const second = { address: '10.0.0.3:4433', before: '10.0.0.2:4433', serverId: '10.0.0.3' };
    expect(told.slice(1)).toEqual([{ ...second, lost: [] }]);
  });

  test('opens in the call what it had under way, at the new primary', async () => {
    const { world, client, servers } = await fleet(2, ['10.0.0.1', '10.0.0.2']);
    const stream = await world.settle(opened(client, 'first half'));
    await world.settle(stream.read());
    const answered = new Promise<string>((resolve, reject) => {
      client.onTakeover(({ lost }) => {
        expect(lost).toEqual([stream.id]);
        opened(client, 'second half')
          .then((again) => again.read())
          .then((data) => resolve(Buffer.from(data!).toString()), reject);
      });
    });
    kill(servers[0]!);
    expect(await world.settle(answered)).toBe('second half');
    expect(servers[1]!.sessions).toMatchObject([{ takenOver: true, id: client.id }]);
  });

  test('has as much credit as before, also where all of it was used by streams that are lost', async () => {
    const { world, client, servers } = await fleet(7, ['10.0.0.1', '10.0.0.2', '10.0.0.3'], { maxStreams: 1 });
    for (const server of servers.slice(0, 2)) {
      const stream = await world.settle(client.openStreamWhenReady());
      await world.settle(stream.write('under way'));
      await world.settle(stream.read());
      kill(server);
      await expect(world.settle(stream.read())).rejects.toMatchObject({ code: 'ERR_KWIK_NO_PATH' });
    }
    const again = await world.settle(client.openStreamWhenReady());
    await world.settle(again.write('anew'));
    expect(Buffer.from((await world.settle(again.read()))!).toString()).toBe('anew');
  });

  test('does not lose a stream whose content goes on', async () => {
    const { world, client, servers } = await fleet(3, ['10.0.0.1', '10.0.0.2']);
    const told: Takeover[] = [];
    client.onTakeover((one) => told.push(one));
    const stream = await opened(client, 'film');
    const chunks: Uint8Array[] = [];
    const reading = (async () => {
      for await (const chunk of stream) {
        chunks.push(chunk);
        if (chunks.length === 10) kill(servers[0]!);
      }
    })();
    await world.settle(reading);
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
    expect(told).toMatchObject([{ lost: [] }]);
  });

  test('may end that, and may throw: the session goes on', async () => {
    const { world, client, servers } = await fleet(4, ['10.0.0.1', '10.0.0.2']);
    const heard: string[] = [];
    const stop = client.onTakeover(() => heard.push('ended'));
    client.onTakeover(() => {
      throw new Error('a fault of the application');
    });
    client.onTakeover(() => heard.push('last'));
    stop();
    kill(servers[0]!);
    await world.pass(10_000);
    expect(heard).toEqual(['last']);
    const stream = await world.settle(opened(client, 'and on'));
    expect(Buffer.from((await world.settle(stream.read()))!).toString()).toBe('and on');
  });

  test('hears nothing of a primary that was only out of reach', async () => {
    const { world, client, servers } = await fleet(5, ['10.0.0.1', '10.0.0.2']);
    const told: Takeover[] = [];
    client.onTakeover((one) => told.push(one));
    const stream = await world.settle(opened(client, 'one'));
    await world.settle(stream.read());
    servers[0]!.link.cut();
    await world.pass(1000);
    servers[0]!.link.heal();
    await world.settle(stream.write('two'));
    expect(Buffer.from((await world.settle(stream.read()))!).toString()).toBe('two');
    expect(told).toEqual([]);
  });
});

describe('a primary that wants to stop while a stream of the application is open', () => {
  test('has the application told, once, where else what is new can be had; the session goes when the stream has ended', async () => {
    const { world, client, servers } = await fleet(8, ['10.0.0.1', '10.0.0.2']);
    const [leavings, takeovers]: [Leaving[], Takeover[]] = [[], []];
    const other: Promise<Session>[] = [];
    client.onTakeover((one) => takeovers.push(one));
    client.onLeaving((one) => {
      leavings.push(one);
      const { address, serverName, namedBy } = one;
      other.push(world.dial(address, { trust: { serverName, namedBy } }));
    });
    const stream = await world.settle(opened(client, 'one'));
    await world.settle(stream.read());
    const primary = servers[0]!.sessions[0] as AcceptedSession;
    primary.leaveToStandby();
    await world.pass(30_000);
    expect(leavings).toEqual([{ address: '10.0.0.2:4433', serverName: '10.0.0.2', namedBy: '10.0.0.1' }]);
    const fresh = await world.settle(opened(await world.settle(other[0]!), 'two'));
    expect(Buffer.from((await world.settle(fresh.read()))!).toString()).toBe('two');
    expect(takeovers).toEqual([]);
    void stream.close();
    expect(await world.settle(stream.read())).toBeNull();
    await world.pass(5000);
    expect(takeovers).toMatchObject([{ address: '10.0.0.2:4433', lost: [] }]);
  });

  test('is no matter of the application where the session can go, nor when it may stay', async () => {
    const { world, client, servers } = await fleet(9, ['10.0.0.1', '10.0.0.2']);
    const told: Leaving[] = [];
    const stop = client.onLeaving((one) => told.push(one));
    const primary = servers[0]!.sessions[0] as AcceptedSession;
    expect(primary.onLeaving(() => undefined)()).toBeUndefined();
    primary.leaveToStandby();
    await world.pass(5000);
    expect(client.getActivePaths()).toMatchObject([{ address: '10.0.0.2:4433' }]);
    expect(told).toEqual([]);
    stop();
  });
});

test('a server that another one named is dialled at no address that that one may not name', async () => {
  const world = new SimulatedWorld(10);
  world.server('10.0.0.2', LINK, { onSession: serves });
  const named = world.dial('10.0.0.2:4433', { trust: { namedBy: '192.0.2.1' } });
  await expect(world.settle(named)).rejects.toMatchObject({ code: 'ERR_KWIK_PERMISSION_DENIED' });
  const allowed = { namedBy: '192.0.2.1', allowTargets: ['private'] } as const;
  expect((await world.settle(world.dial('10.0.0.2:4433', { trust: allowed }))).role).toBe('client');
});

test('a server is never told: its client is the one that goes', async () => {
  const { world, servers } = await fleet(6, ['10.0.0.1', '10.0.0.2']);
  const told: Takeover[] = [];
  servers[0]!.sessions[0]!.onTakeover((one) => told.push(one))();
  servers[0]!.sessions[0]!.onTakeover((one) => told.push(one));
  kill(servers[0]!);
  await world.pass(10_000);
  expect(servers[1]!.sessions).toHaveLength(1);
  expect(told).toEqual([]);
});
