import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createDiscovery, staticList, type OwnDiscovery } from '@kwik/discovery';
import { listen, type Listener } from '@kwik/session';
import { ChaosWorld } from '@kwik/testbed/chaos';
import { Socket, type KwikSettings } from '@kwik/socket';
import { network } from '../src/network.js';
import { watchArrivals } from '../src/server/arrivals.js';
import { adopt } from '../src/socket/socket.js';

const LONGEST_IN_A_HELLO = 8190;
const RTT_MS = 40;
const SERVER = '10.0.0.1';
const PORT = 4433;
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Sockets of this process and a server that echoes, on virtual time: nothing counts but what the link makes of it. */
class Scene {
  readonly world = new ChaosWorld({ seed: 11 });
  readonly server = this.world.host(SERVER, { both: { rateBitsPerSecond: 50e6, delayMs: RTT_MS / 2 } });
  /** Connections that the server has taken. */
  readonly taken: Socket[] = [];
  /** What each of them has brought. */
  readonly came: string[] = [];
  refuses = false;
  readonly #kwik: KwikSettings;

  private constructor(settings: KwikSettings) {
    this.#kwik = { dial: { runtime: this.world.host('10.0.0.9').runtime }, ...settings };
  }

  static async open(settings: KwikSettings = {}): Promise<Scene> {
    const scene = new Scene(settings);
    const listener = await listen({ port: PORT, runtime: scene.server.runtime });
    cleanups.push(async () => {
      for (const socket of scene.taken) socket.destroy();
      await scene.world.pass(1000);
      await scene.world.run(listener.close({ force: true }));
    });
    scene.#serve(listener);
    return scene;
  }

  #serve(listener: Listener): void {
    const onArrival: Parameters<typeof watchArrivals>[1]['onArrival'] = (arrival) => {
      if (this.refuses) {
        arrival.refuse();
        return;
      }
      const socket = new Socket({ allowHalfOpen: true });
      const number = this.taken.push(socket) - 1;
      this.came.push('');
      socket.on('error', () => undefined).on('data', (data: Buffer) => (this.came[number] += data.toString('latin1')));
      socket[adopt](arrival.accept(network.hold), { onClosed: () => undefined, paused: false });
      socket.pipe(socket);
    };
    void watchArrivals(listener, { onSession: () => undefined, onArrival, intent: undefined });
  }

  connect(socket = new Socket(), discovery?: OwnDiscovery): Socket {
    const kwik = { ...this.#kwik, ...(discovery !== undefined && { discovery }) };
    socket.connect({ host: discovery === undefined ? SERVER : 'films', port: PORT, kwik });
    cleanups.push(() => void socket.on('error', () => undefined).destroy());
    return socket;
  }

  /** Round trips of virtual time until the event, rounded: what is no round trip takes a few milliseconds. */
  async roundTripsUntil(socket: Socket, event: string): Promise<number> {
    const beganMs = this.world.clock.now();
    await this.world.run(once(socket, event));
    return Math.round((this.world.clock.now() - beganMs) / RTT_MS);
  }

  /** Of a question that is written at once, until the answer begins. */
  async roundTripsToAnswer(): Promise<number> {
    const socket = this.connect();
    socket.write('question');
    return this.roundTripsUntil(socket, 'data');
  }
}

async function textOf(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += (chunk as Buffer).toString('latin1');
  return text;
}

describe('in round trips', () => {
  test('a connection takes two where no session is there, for its request goes with the hello, and then one', async () => {
    const scene = await Scene.open();
    expect(await scene.roundTripsUntil(scene.connect(), 'connect')).toBe(2);
    expect(await scene.roundTripsUntil(scene.connect(), 'connect')).toBe(1);
    expect(scene.taken).toHaveLength(2);
  });

  test('a connection to a service takes as many as one to an address', async () => {
    const scene = await Scene.open();
    const discovery = createDiscovery({ sources: [staticList([`${SERVER}:${PORT}`])], clock: scene.world.clock });
    cleanups.push(() => discovery.close());
    expect(await scene.roundTripsUntil(scene.connect(new Socket(), discovery), 'connect')).toBe(2);
    expect(await scene.roundTripsUntil(scene.connect(new Socket(), discovery), 'connect')).toBe(1);
    expect(scene.taken).toHaveLength(2);
  });

  test('an answer takes one more than the connection', async () => {
    const scene = await Scene.open();
    expect([await scene.roundTripsToAnswer(), await scene.roundTripsToAnswer()]).toEqual([3, 2]);
  });

  test('with fastOpen it takes no more than the connection', async () => {
    const scene = await Scene.open({ fastOpen: true });
    expect([await scene.roundTripsToAnswer(), await scene.roundTripsToAnswer()]).toEqual([2, 1]);
    expect(scene.came).toEqual(['question', 'question']);
  });
});

describe('what is written before there is a connection', () => {
  test.each([false, true])('comes whole, once and in order, however much it is; fastOpen: %s', async (fastOpen) => {
    const scene = await Scene.open({ fastOpen });
    const socket = scene.connect();
    const pieces = [LONGEST_IN_A_HELLO - 1, 3, 100_000, 5].map((length, index) => `${index}`.repeat(length));
    const written = pieces.map((piece) => new Promise<unknown>((done) => socket.write(piece, 'latin1', done)));
    const whole = pieces.join('');
    expect(socket.bytesWritten).toBe(whole.length);
    expect(await scene.world.run(Promise.all(written))).toEqual(pieces.map(() => null));
    socket.end('end');
    expect(await scene.world.run(textOf(socket))).toBe(`${whole}end`);
    expect(scene.came).toEqual([`${whole}end`]);
    expect(socket.bytesWritten).toBe(whole.length + 3);
  });

  test.each([
    [false, ['', 'question']],
    [true, ['question', 'question']],
  ])(
    'is in one connection, if its hello had to be said again, unless it may be repeated; fastOpen: %s',
    async (...[fastOpen, came]) => {
      const scene = await Scene.open({ fastOpen });
      // The server hears the first hello, and the client nothing of the answer.
      scene.world.after(1.6 * RTT_MS, () => scene.world.after(3500, scene.server.cut('down')));
      expect(await scene.roundTripsToAnswer()).toBeGreaterThan(3000 / RTT_MS);
      expect(scene.came).toEqual(came);
    },
  );

  test('is an error of its own where nothing is connected', async () => {
    const scene = await Scene.open({ fastOpen: true });
    scene.refuses = true;
    const socket = scene.connect();
    const written = new Promise((done) => socket.write('question', done));
    const [error] = (await scene.world.run(once(socket, 'error'))) as [Error];
    expect(error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect', address: SERVER, port: PORT });
    expect(await written).toMatchObject({ code: 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION' });
  });
});

test('a socket that goes while its session is dialled leaves the session to those who have joined, and no connection', async () => {
  const scene = await Scene.open();
  const first = scene.connect();
  await scene.world.pass(RTT_MS / 2);
  const second = scene.connect();
  await scene.world.pass(RTT_MS);
  first.destroy();
  second.write('of the second');
  await scene.world.run(once(second, 'data'));
  await scene.world.pass(RTT_MS);
  expect(scene.came).toEqual(['', 'of the second']);
  expect(scene.taken.map(({ destroyed }) => destroyed)).toEqual([true, false]);
  expect(first.bytesWritten).toBe(0);
});

test('with fastOpen, a socket that connects again while its first session is dialled for others keeps what is written for it', async () => {
  const scene = await Scene.open({ fastOpen: true });
  const again = scene.connect();
  await scene.world.pass(RTT_MS / 2);
  const other = scene.connect();
  await scene.world.pass(RTT_MS / 4);
  const closed = once(again, 'close');
  again.destroy();
  await closed;
  scene.connect(again).write('for the second connection');
  const [answer] = (await scene.world.run(once(again, 'data'))) as [Buffer];
  expect(answer.toString()).toBe('for the second connection');
  expect(scene.came.filter((text) => text !== '')).toEqual(['for the second connection']);
  expect(other.destroyed).toBe(false);
});
