import { describe, expect, it } from '@jest/globals';
import type { PathTransport } from '@kwik/wire';
import fc from 'fast-check';
import { SeededRandom } from '../random/seeded-random.js';
import { drawFaults } from './fault.js';
import { ChaosWorld, FAULT_KINDS, forEachSeed, type ChaosFault, type ChaosHost } from './index.js';

const LINK = { both: { rateBitsPerSecond: 1e6, delayMs: 10, lossRate: 0.01 } };
const DIALLING = { timeoutMs: 1000, idleTimeoutMs: 30_000 };

function listenOn(host: ChaosHost): PathTransport[] {
  const accepted: PathTransport[] = [];
  host.runtime.network.accept({ host: '127.0.0.1', port: 443 }, { idleTimeoutMs: 30_000 }, (transport) => {
    transport.attach({ onStream: () => undefined, onSendable: () => undefined, onClose: () => undefined });
    accepted.push(transport);
  });
  return accepted;
}

function connect(from: ChaosHost, to: ChaosHost): Promise<PathTransport> {
  return from.runtime.network.connect({ host: to.name, port: 443 }, DIALLING);
}

describe('ChaosHost', () => {
  it('is reached by its own name, whatever address it listens on, and dials from its own', async () => {
    const world = new ChaosWorld();
    const [client, server] = [world.host('fd00::9'), world.host('fd00::1', LINK)];
    const accepted = listenOn(server);
    await world.run(connect(client, server));
    expect(accepted.map(({ local, remote }) => [local.address, local.port, remote.address])).toEqual([
      ['fd00::1', 443, 'fd00::9'],
    ]);
  });

  it('is cut until the last cut has ended, whatever ends first or twice', async () => {
    const world = new ChaosWorld();
    const [client, server] = [world.host('10.0.0.9'), world.host('10.0.0.1', LINK)];
    listenOn(server);
    const [one, other] = [server.cut(), server.cut('up')];
    one();
    one();
    await expect(world.run(connect(client, server))).rejects.toMatchObject({ code: 'ERR_KWIK_TIMEOUT' });
    other();
    await world.run(connect(client, server));
  });

  it('has the link that it began with when the last change has ended, in whatever order', async () => {
    const rtt = async (end: (first: () => void, second: () => void) => void): Promise<number> => {
      const world = new ChaosWorld();
      const [client, server] = [world.host('10.0.0.9'), world.host('10.0.0.1', { both: { delayMs: 10 } })];
      listenOn(server);
      end(server.change({ delayMs: 100 }), server.change({ delayMs: 200 }));
      const beganMs = world.clock.now();
      await world.run(connect(client, server));
      return Math.round((world.clock.now() - beganMs) / 10) * 10;
    };
    const plain = await rtt((first, second) => (first(), second()));
    expect(await rtt((first, second) => (second(), first()))).toBe(plain);
    // The later of two holds, and the first again when the second has ended.
    expect(await rtt(() => undefined)).toBe(10 * plain * 2);
    expect(await rtt((_, second) => second())).toBe(10 * plain);
  });

  it('refuses a change that no link can have, and changes nothing', () => {
    const server = new ChaosWorld().host('10.0.0.1', LINK);
    expect(() => server.change({ lossRate: 2 })).toThrow(/lossRate is 2/);
  });

  it('that was killed falls silent, and another process may listen in its place', async () => {
    const world = new ChaosWorld();
    const [client, server] = [world.host('10.0.0.9'), world.host('10.0.0.1', LINK)];
    listenOn(server);
    await world.run(connect(client, server));
    const timers: string[] = [];
    server.runtime.clock.schedule(10, () => timers.push('of a process that is dead'));
    server.kill();
    await expect(world.run(connect(client, server))).rejects.toMatchObject({ code: 'ERR_KWIK_TIMEOUT' });
    const accepted = listenOn(server);
    await world.run(connect(client, server));
    expect([accepted.length > 0, timers]).toEqual([true, []]);
  });
});

describe('ChaosWorld', () => {
  it('gives a host its link once', () => {
    const world = new ChaosWorld();
    world.host('10.0.0.1', LINK);
    expect(() => world.host('10.0.0.1', LINK)).toThrow(/has its link already/);
    expect(world.host('10.0.0.1')).toBe(world.host('10.0.0.1'));
  });

  it('says so when a promise does not settle in its time', async () => {
    const world = new ChaosWorld();
    await expect(world.run(new Promise(() => undefined), 1000)).rejects.toMatchObject({ code: 'ERR_KWIK_TIMEOUT' });
  });

  it('injects faults that are written out, and ends each: connections come through afterwards', async () => {
    const world = new ChaosWorld();
    const [client, server] = [world.host('10.0.0.9'), world.host('10.0.0.1', LINK)];
    listenOn(server);
    const faults = FAULT_KINDS.filter((kind) => kind !== 'kill').map((kind, index): ChaosFault => {
      return { kind, host: '10.0.0.1', atMs: 10 * index, durationMs: 500, severity: 0.9 };
    });
    world.inject(faults);
    await world.pass(2000);
    await world.run(connect(client, server), 200);
    expect(world.report().split('\n')).toHaveLength(1 + faults.length);
  });

  it('refuses a fault of a host that is not there', () => {
    const fault: ChaosFault = { kind: 'cut', host: '10.0.0.7', atMs: 0, durationMs: 1, severity: 1 };
    expect(() => new ChaosWorld().inject([fault])).toThrow(/no host 10.0.0.7/);
  });
});

describe('drawFaults', () => {
  it('draws what it may and as much as it may, and the same from the same seed', () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(20), (seed, faults) => {
        const options = { hosts: ['a', 'b'], faults, withinMs: 100, maxDurationMs: 50 };
        const drawn = drawFaults(new SeededRandom(seed), options);
        expect(drawFaults(new SeededRandom(seed), options)).toEqual(drawn);
        expect(drawn).toHaveLength(faults);
        for (const { kind, host, atMs, durationMs } of drawn) {
          expect([kind === 'kill', ['a', 'b'].includes(host)]).toEqual([false, true]);
          expect(atMs < 100 && durationMs >= 1 && durationMs <= 50).toBe(true);
        }
      }),
    );
    expect(drawFaults(new SeededRandom(1), { hosts: [] })).toEqual([]);
    expect(drawFaults(new SeededRandom(1), { hosts: ['a'], kinds: ['kill'] })[0]).toMatchObject({ kind: 'kill' });
  });
});

describe('forEachSeed', () => {
  it('runs every seed', async () => {
    const seen: number[] = [];
    await forEachSeed({ seeds: 3, from: 7 }, (world) => {
      seen.push(world.seed);
      return Promise.resolve();
    });
    expect(seen).toEqual([7, 8, 9]);
  });

  it('names the seed that failed, and what struck in it', async () => {
    const cause = new Error('a byte was lost');
    const failing = forEachSeed({ seeds: 3 }, async (world) => {
      world.host('10.0.0.1');
      world.unleash({ hosts: ['10.0.0.1'], faults: 2 });
      await world.pass(5);
      if (world.seed === 2) throw cause;
    });
    const error = await failing.then(String, (thrown: unknown) => thrown);
    expect(error).toMatchObject({
      cause,
      message: expect.stringMatching(/a byte was lost\nseed 2, at 5 ms\n.* of 10/),
    });
  });
});
