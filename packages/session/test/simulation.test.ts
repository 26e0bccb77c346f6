import { describe, expect, jest, test } from '@jest/globals';
import { delegate, Ed25519Signer, noneServerAuth } from '@kwik/kcp';
import { createScheduler } from '@kwik/scheduler';
import { deterministicRandomBytes, MemoryNetwork, VirtualClock, type LinkShape } from '@kwik/testbed';
import type { ReplicaSource, ServerSession, Session } from '@kwik/session';
import { dialOver } from '../src/client/dial.js';
import { makeAuthority, makeServerCertificate } from '../src/credentials/certificates.js';
import { resolveLimits } from '../src/limits.js';
import { SessionFactory } from '../src/server/session-factory.js';
import { pattern, sourceOf } from './harness.js';

/** For machines that do much else at the time. */
jest.setTimeout(60_000);

/** The real session code at both ends, on virtual time: seconds of network in milliseconds of computing. */
const authority = await makeAuthority('simulated authority', 2);

class SimulatedWorld {
  readonly clock = new VirtualClock();
  readonly network: MemoryNetwork;
  readonly #random: (bytes: number) => Uint8Array;

  constructor(readonly seed: number) {
    this.network = new MemoryNetwork({ clock: this.clock, seed });
    this.#random = deterministicRandomBytes(seed);
  }

  /** A server at `host:4433` behind a link of the given shape; sessions go to `onSession`. */
  async server(
    host: string,
    shape: LinkShape,
    options: { source?: ReplicaSource; onSession?: (session: ServerSession) => void } = {},
  ): Promise<string> {
    const { keyPem, certPem } = await makeServerCertificate(authority, [host], 1);
    const signer = Ed25519Signer.fromSeed(this.#random(32));
    const address = `${host}:4433`;
    const factory = new SessionFactory({
      clock: this.clock,
      wallClockMs: () => Date.now(),
      random: this.#random,
      limits: resolveLimits(),
      idleTimeoutMs: 30_000,
      signer: signer.withDelegation(delegate(signer.publicKey, keyPem, certPem)),
      trust: { ca: authority.certPem },
      audiences: () => [address],
      auth: [noneServerAuth()],
      serverId: host,
      replica: () => options.source,
      routing: 'distributed',
      makeScheduler: () => createScheduler(),
      recoveryMs: 30_000,
      admit: () => undefined,
    });
    this.network.link(address, shape);
    this.network.listen(address, (transport) => {
      factory.accept(transport).then(
        (session) => session && options.onSession?.(session),
        () => undefined,
      );
    });
    return address;
  }

  async dial(address: string): Promise<Session> {
    const [host, port] = address.split(':');
    const connector = {
      connect: (target: { host: string; port: number }) => this.network.dial({ to: `${target.host}:${target.port}` }),
      close: () => Promise.resolve(),
    };
    return this.settle(dialOver(connector, { host: host!, port: Number(port) }, { clock: this.clock }));
  }

  /** Lets virtual time pass until the promise settles; fails when it does not within `maxMs` of it. */
  async settle<T>(promise: Promise<T>, maxMs = 120_000): Promise<T> {
    let settled = false;
    const done = (): void => void (settled = true);
    promise.then(done, done);
    if (!(await this.clock.runUntilAsync(() => settled, { maxMs }))) {
      throw new Error(`seed ${this.seed}: nothing settled within ${maxMs} ms of virtual time`);
    }
    return promise;
  }
}

describe('sessions on virtual time', () => {
  test('three equal servers bring nearly three times the rate of one', async () => {
    const shape = { both: { rateBps: 10e6, delayMs: 10, queueBytes: 60_000 } };
    const content = pattern(3_000_000);
    const times: number[] = [];
    for (const count of [0, 2]) {
      const world = new SimulatedWorld(5);
      const peers = await Promise.all(
        Array.from({ length: count }, (_, index) =>
          world.server(`10.0.0.${index + 2}`, shape, { source: sourceOf(content) }),
        ),
      );
      const primary = await world.server('10.0.0.1', shape, {
        onSession: (session) => {
          for (const peer of peers) void session.addPath(peer);
          void session.acceptStream().then(async (stream) => {
            await stream.read();
            await stream.sendFrom('content', sourceOf(content));
            await stream.close();
          });
        },
      });
      const client = await world.dial(primary);
      const stream = client.openStream();
      const reading = (async () => {
        await stream.write('get');
        let bytes = 0;
        for await (const chunk of stream) bytes += chunk.length;
        return bytes;
      })();
      const start = world.clock.now();
      expect(await world.settle(reading)).toBe(content.length);
      times.push(world.clock.now() - start);
    }
    // Virtual time: the figure is exact, and the same on every machine.
    expect(times[0]! / times[1]!).toBeGreaterThan(2.4);
  });
});
