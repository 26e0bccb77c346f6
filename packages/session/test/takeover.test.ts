import { describe, expect, jest, test } from '@jest/globals';
import type { ReplicaSource, ServerSession } from '@kwik/session';
import { echoes, sourceOf } from './harness.js';
import { SimulatedWorld, type SimulatedServerOptions } from './simulated-world.js';
import {
  content,
  first,
  fleet,
  FLEET,
  kill,
  LINK,
  OF_STANDBY,
  once,
  read,
  request,
  RTT_MS,
  sendsContent,
} from './takeover-fleet.js';

/** For machines that do much else at the time: the times in here are virtual. */
jest.setTimeout(120_000);

describe('a primary that is killed', () => {
  test('content goes on at the standby, byte for byte, and its reader waits a second at the most', async () => {
    const gaps: number[] = [];
    for (let seed = 1; seed <= 2; seed++) {
      const { world, primary, standby, client } = await fleet(seed);
      const stream = await request(client);
      const reading = read(
        world,
        stream,
        once(500_000 + 333_333 * seed, () => kill(primary)),
      );
      const { whole, longestMs } = await world.settle(reading);
      expect(whole.equals(content)).toBe(true);
      gaps.push(longestMs);
      expect(standby.sessions).toMatchObject([{ role: 'primary', takenOver: true, id: client.id }]);
      expect(client.getActivePaths()).toMatchObject([{ id: 0, primary: true, address: standby.address }]);
    }
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1000);
  });

  test('the session goes on: streams that the client opens then are served there', async () => {
    const { world, primary, client } = await fleet(4);
    await world.settle(request(client).then((stream) => read(world, stream)));
    kill(primary);
    await world.pass(10_000);
    for (const text of ['one', 'two']) {
      const stream = await world.settle(request(client, text));
      void stream.close();
      expect((await world.settle(read(world, stream))).whole.toString()).toBe(text);
    }
  });

  test('and another stream ends with an error that says why, when the primary had its time to come back', async () => {
    const { world, primary, client } = await fleet(5, { ofPrimary: { onSession: echoes } });
    const stream = await world.settle(request(client, 'hello'));
    expect(Buffer.from((await world.settle(stream.read()))!).toString()).toBe('hello');
    const killedMs = world.clock.now();
    kill(primary);
    await expect(world.settle(stream.read())).rejects.toMatchObject({
      code: 'ERR_KWIK_NO_PATH',
      message: expect.stringContaining('10.0.0.2:4433, which took the session over, knows nothing of'),
    });
    expect(world.clock.now() - killedMs).toBeGreaterThan(3000);
    expect(client.getActivePaths()).toHaveLength(1);
  });
});

describe('a session that was taken over', () => {
  /** Its client, and the standby's end of it. */
  async function taken(seed: number, ofStandby: SimulatedServerOptions = {}) {
    const { limits } = ofStandby;
    const made = await fleet(seed, { ofPrimary: { onSession: echoes, ...(limits && { limits }) }, ofStandby });
    const { world, primary, standby, client } = made;
    for (let round = 0; round < 3; round++) {
      const stream = await world.settle(request(client, `before ${round}`));
      void stream.close();
      await world.settle(read(world, stream));
      client.sendDatagram(Uint8Array.of(round));
      first(primary).sendDatagram(Uint8Array.of(round));
    }
    const heard: number[] = [];
    void (async () => {
      for await (const data of client.datagrams()) heard.push(data[0]!);
    })().catch(() => undefined);
    await world.pass(500);
    kill(primary);
    await world.pass(10_000);
    return { ...made, heard, session: first(standby) };
  }

  test('has streams of both kinds, opened by either end, and as many as before', async () => {
    const { world, client, session } = await taken(20, { limits: { maxStreams: 4 }, onSession: () => undefined });
    for (let round = 0; round < 9; round++) {
      const unidirectional = round % 3 === 1;
      const stream = await world.settle(client.openStreamWhenReady({ unidirectional }));
      await world.settle(stream.write(`of the client ${round}`));
      void stream.close();
      const there = await world.settle(session.acceptStream());
      expect((await world.settle(read(world, there))).whole.toString()).toBe(`of the client ${round}`);
      if (!unidirectional) void there.close();
      const answer = await world.settle(session.openStreamWhenReady({ unidirectional }));
      await world.settle(answer.write(`of the server ${round}`));
      void answer.close();
      const here = await world.settle(client.acceptStream());
      expect((await world.settle(read(world, here))).whole.toString()).toBe(`of the server ${round}`);
      if (!unidirectional) void here.close();
    }
  });

  test('has datagrams both ways, none of them taken for an old one', async () => {
    const { world, client, session, heard } = await taken(21);
    const there: number[] = [];
    void (async () => {
      for await (const data of session.datagrams()) there.push(data[0]!);
    })().catch(() => undefined);
    for (const value of [100, 101, 102]) {
      client.sendDatagram(Uint8Array.of(value));
      session.sendDatagram(Uint8Array.of(value));
    }
    await world.pass(500);
    expect(there).toEqual([100, 101, 102]);
    expect(heard).toEqual([0, 1, 2, 100, 101, 102]);
  });

  test('gets servers of the standby, which is believed as its primary', async () => {
    const { world, client, session } = await taken(22);
    const peer = world.server('10.0.0.3', LINK, { source: sourceOf(content), signer: OF_STANDBY });
    const path = await world.settle(session.addPath(peer.address));
    expect(path).toMatchObject({ state: 'active', address: peer.address });
    const stream = await world.settle(session.openStreamWhenReady({ unidirectional: true }));
    void stream.sendFrom('film', sourceOf(content), { end: true }).catch(() => undefined);
    const here = await world.settle(client.acceptStream());
    expect((await world.settle(read(world, here))).whole.equals(content)).toBe(true);
    expect(client.getActivePaths().find(({ id }) => id === path.id)!.receivedBytes).toBeGreaterThan(500_000);
  });

  test('goes on when the path to the standby is lost and comes back', async () => {
    const { world, client, standby } = await taken(23);
    standby.link.cut();
    await world.pass(6000);
    standby.link.heal();
    const stream = await world.settle(request(client, 'again'));
    void stream.close();
    expect((await world.settle(read(world, stream))).whole.toString()).toBe('again');
    expect(standby.sessions).toHaveLength(1);
  });
});

describe('content that is under way', () => {
  test('ends properly without primary and standby, where other servers have it', async () => {
    const world = new SimulatedWorld(24);
    const peer = world.server('10.0.0.3', LINK, { source: sourceOf(content) });
    const primary = world.server('10.0.0.1', LINK, {
      onSession: (session) => {
        void session.addPath(peer.address);
        sendsContent(session);
      },
    });
    const client = await world.dial(primary.address, { trust: { allowTargets: ['private'] } });
    await world.pass(500);
    const stream = await request(client);
    const { whole } = await world.settle(
      read(
        world,
        stream,
        once(1_000_000, () => kill(primary)),
      ),
    );
    expect(whole.equals(content)).toBe(true);
  });

  /** As of a disk that gives the beginning, and takes its time with the rest: no digests come of that. */
  const slow: ReplicaSource = {
    size: BigInt(content.length),
    read: (offset, length, signal) =>
      Number(offset) + length <= 1024 * 1024
        ? Promise.resolve(content.subarray(Number(offset), Number(offset) + length))
        : new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
  };
  const slowly = (session: ServerSession): void => {
    void session.acceptStream().then(
      async (stream) => {
        await stream.read();
        await stream.sendFrom('film', slow, { end: true });
      },
      () => undefined,
    );
  };

  test('goes on by the digests of the standby, where those of the primary had not come', async () => {
    const { world, primary, client } = await fleet(25, { ofPrimary: { onSession: slowly } });
    const stream = await request(client);
    const reading = read(
      world,
      stream,
      once(900_000, () => kill(primary)),
    );
    expect((await world.settle(reading)).whole.equals(content)).toBe(true);
  });

  test('and ends with an error where the last one of both is not the same', async () => {
    const other = content.slice();
    other[1024 * 1024 - 1]! ^= 1;
    const { world, primary, client } = await fleet(26, {
      ofPrimary: { onSession: slowly },
      ofStandby: { source: sourceOf(other) },
    });
    const stream = await request(client);
    const reading = read(
      world,
      stream,
      once(900_000, () => kill(primary)),
    );
    await expect(world.settle(reading)).rejects.toMatchObject({ code: 'ERR_KWIK_DIGEST_MISMATCH' });
  });

  test('behind which something was to come is read, and then the reader is told that it will not', async () => {
    const { world, primary, client } = await fleet(27, {
      ofPrimary: {
        onSession: (session) =>
          void session.acceptStream().then(
            async (stream) => {
              await stream.read();
              await stream.sendFrom('film', sourceOf(content));
              await stream.write('and a trailer');
            },
            () => undefined,
          ),
      },
    });
    const stream = await request(client);
    const chunks: Uint8Array[] = [];
    const reading = (async () => {
      for await (const chunk of stream) {
        chunks.push(chunk);
        if (chunks.length === 10) kill(primary);
      }
    })();
    await expect(world.settle(reading)).rejects.toMatchObject({ code: 'ERR_KWIK_NO_PATH' });
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
  });
});

describe('a primary that is about to stop', () => {
  test('hands its content over without a gap, and its session ends', async () => {
    const { world, primary, standby, client } = await fleet(6);
    const stream = await request(client);
    const ofPrimary = first(primary);
    const { whole, longestMs } = await world.settle(
      read(
        world,
        stream,
        once(1_000_000, () => ofPrimary.leaveToStandby()),
      ),
    );
    expect(whole.equals(content)).toBe(true);
    expect(longestMs).toBeLessThanOrEqual(3 * RTT_MS + 50);
    expect(await world.settle(ofPrimary.closed)).toMatchObject({ by: 'peer', code: 0 });
    expect(standby.sessions).toMatchObject([{ takenOver: true }]);
    expect(client.getActivePaths()).toMatchObject([{ id: 0, address: standby.address }]);
  });

  test('keeps its client as long as there is a stream that only it can bring to its end', async () => {
    const { world, primary, standby, client } = await fleet(7, { ofPrimary: { onSession: echoes } });
    const stream = await world.settle(request(client, 'one'));
    await world.settle(stream.read());
    const ofPrimary = first(primary);
    ofPrimary.leaveToStandby();
    await world.pass(5000);
    expect(standby.sessions).toHaveLength(0);
    await world.settle(stream.write('two'));
    void stream.close();
    expect((await world.settle(read(world, stream))).whole.toString()).toBe('two');
    await world.pass(3000);
    expect(standby.sessions).toHaveLength(1);
    expect(ofPrimary.engine.closeInfo).toMatchObject({ by: 'peer', code: 0 });
    expect(client.getActivePaths()).toMatchObject([{ address: standby.address }]);
  });
});

describe('a standby that cannot be had when it is needed first', () => {
  test('is asked again, although nothing else happens in the session', async () => {
    const { world, primary, standby, client } = await fleet(28);
    standby.link.cut();
    first(primary).leaveToStandby();
    await world.pass(4000);
    standby.link.heal();
    await world.pass(6000);
    expect(client.getActivePaths()).toMatchObject([{ id: 0, address: standby.address }]);
  });
});

describe('a primary that was only silent', () => {
  test('is believed when it is back before the standby was asked', async () => {
    const { world, primary, standby, client } = await fleet(8);
    const stream = await request(client);
    const blink = once(1_000_000, () => {
      primary.link.cut();
      world.clock.schedule(200, () => primary.link.heal());
    });
    expect((await world.settle(read(world, stream, blink))).whole.equals(content)).toBe(true);
    expect(standby.sessions).toHaveLength(0);
  });

  test('is not, once the standby has the session, although it could prove that it had it', async () => {
    const { world, primary, standby, client } = await fleet(9);
    const stream = await request(client);
    const away = once(1_000_000, () => {
      primary.link.cut();
      world.clock.schedule(1500, () => primary.link.heal());
    });
    expect((await world.settle(read(world, stream, away))).whole.equals(content)).toBe(true);
    await world.pass(20_000);
    expect(client.getActivePaths()).toMatchObject([{ id: 0, address: standby.address }]);
    expect(standby.sessions).toHaveLength(1);
  });
});

describe('a second takeover', () => {
  test('leads back, where the standby had the first one as its own', async () => {
    const { world, primary, standby, client } = await fleet(10, {
      ofStandby: { takeover: { fleetKeys: FLEET, standby: { address: '10.0.0.1:4433' } } },
    });
    const stream = await request(client);
    const both = [
      once(700_000, () => {
        primary.link.cut();
        world.clock.schedule(900, () => primary.link.heal());
      }),
      once(2_000_000, () => kill(standby)),
    ];
    const { whole } = await world.settle(read(world, stream, (bytes) => both.forEach((act) => act(bytes))));
    expect(whole.equals(content)).toBe(true);
    expect(client.getActivePaths()).toMatchObject([{ id: 0, address: primary.address }]);
    expect(primary.sessions).toMatchObject([{ takenOver: false }, { takenOver: true }]);
    // The one that it began is over: there is one session of the id.
    expect(first(primary).engine.closeInfo).toBeDefined();
  });
});

describe('content that the standby cannot vouch for', () => {
  test('of another copy is taken no byte of, and the reader is told', async () => {
    const other = content.slice();
    other[2_900_000]! ^= 1;
    const { world, primary, client } = await fleet(11, { ofStandby: { source: sourceOf(other) } });
    const stream = await request(client);
    let bytes = 0;
    const reading = (async () => {
      for await (const chunk of stream) {
        expect(Buffer.from(chunk).equals(content.subarray(bytes, bytes + chunk.length))).toBe(true);
        bytes += chunk.length;
        if (bytes > 1_000_000) kill(primary);
      }
    })();
    await expect(world.settle(reading)).rejects.toMatchObject({ code: 'ERR_KWIK_CONTENT_UNAVAILABLE' });
    expect(bytes).toBeLessThan(2_900_001);
    expect(client.getActivePaths()).toHaveLength(1);
  });

  test('that it does not have is told as such, too', async () => {
    const { world, primary, client } = await fleet(12, { ofStandby: { source: undefined as never } });
    const stream = await request(client);
    const reading = read(
      world,
      stream,
      once(1_000_000, () => kill(primary)),
    );
    await expect(world.settle(reading)).rejects.toMatchObject({ code: 'ERR_KWIK_CONTENT_UNAVAILABLE' });
  });
});

describe('who cannot take a session over', () => {
  const lost = async (seed: number, ofStandby: SimulatedServerOptions) => {
    const made = await fleet(seed, { ofStandby });
    const stream = await request(made.client);
    const reading = read(
      made.world,
      stream,
      once(1_000_000, () => kill(made.primary)),
    );
    await expect(made.world.settle(reading)).rejects.toMatchObject({ code: 'ERR_KWIK_NO_PATH' });
    expect(made.standby.sessions).toHaveLength(0);
    return made.standby.refusals;
  };

  test('a server without the key of the fleet', async () => {
    expect(await lost(13, { takeover: { fleetKeys: [new Uint8Array(32).fill(0xee)] } })).toEqual(
      expect.arrayContaining([expect.objectContaining({ code: 'ERR_KWIK_TOKEN_INVALID' })]),
    );
  });

  test('a server whose rules do not let the client open a session', async () => {
    const decide = () => ({ allowed: false, rule: 'nobody', reason: 'nobody may' }) as const;
    expect(await lost(15, { access: { decide } })).toEqual(
      expect.arrayContaining([expect.objectContaining({ code: 'ERR_KWIK_PERMISSION_DENIED' })]),
    );
  });

  test('a server that takes none over', async () => {
    expect(await lost(14, { takeover: undefined })).toEqual(
      expect.arrayContaining([expect.objectContaining({ code: 'ERR_KWIK_SESSION_NOT_FOUND' })]),
    );
  });
});
