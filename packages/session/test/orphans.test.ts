import { describe, expect, jest, test } from '@jest/globals';
import type { PathTransport } from '@kwik/wire';
import { SimulatedWorld } from './simulated-world.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

const LINK = { both: { rateBitsPerSecond: 10e6, delayMs: 10, queueBytes: 60_000 } };

describe('an established connection of which no path can be made is closed', () => {
  test('at a server whose application throws', async () => {
    const world = new SimulatedWorld(4);
    const makeScheduler = (): never => {
      throw new Error('no scheduler today');
    };
    const server = world.server('10.0.0.1', LINK, { makeScheduler });
    const startMs = world.clock.now();
    const client = await world.dial(server.address);
    const { by, error } = await world.settle(client.closed);
    expect({ by, code: error?.code, cause: error?.cause }).toMatchObject({
      by: 'error',
      code: 'ERR_KWIK_NO_PATH',
      cause: { code: 'ERR_KWIK_INTERNAL', message: 'internal error' },
    });
    expect(world.clock.now() - startMs).toBeLessThan(1000);
    expect(server.refusals).toMatchObject([{ message: 'no scheduler today' }]);
  });

  test('at a client that connects again', async () => {
    const world = new SimulatedWorld(5);
    const server = world.server('10.0.0.1', LINK);
    const made: PathTransport[] = [];
    const wrap = (transport: PathTransport): PathTransport => {
      if (made.push(transport) !== 2) return transport;
      return new Proxy(transport, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name, target);
          if (name === 'stats') throw new Error('no figures');
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
    };
    const client = await world.dial(server.address, {}, { wrap });
    made[0]!.close(0x30, 'broken');
    await world.settle(client.closed);
    expect(made).toHaveLength(2);
    expect(made[1]!.closed).toBe(true);
  });
});
