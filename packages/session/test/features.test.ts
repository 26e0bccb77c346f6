import { describe, expect, test } from '@jest/globals';
import type { Feature } from '../src/runtime/features/feature.js';
import type { SessionContext } from '../src/runtime/features/session-context.js';
import { SimulatedWorld } from './simulated-world.js';

const LINK = { both: { rateBitsPerSecond: 20e6, delayMs: 5, queueBytes: 60_000 } };
const NORTH = { serverId: 'north', loadPermille: 250, sessions: 3, memoryBytes: 1n << 30n, accepting: true };

/** A feature that nobody has yet: a server says every second how it is, and its client keeps the last that it heard. */
class Health implements Feature {
  load: number | undefined;
  #nextMs = 0;
  readonly handlers = {
    healthReport: (_path: unknown, { loadPermille }: { loadPermille: number }) => void (this.load = loadPermille),
  };

  constructor(readonly session: SessionContext) {}

  plan(now: number): number {
    if (now >= this.#nextMs) {
      this.session.controlPath?.send({ $case: 'healthReport', value: NORTH });
      this.#nextMs = now + 1000;
    }
    return this.#nextMs;
  }
}

describe('a feature of its own', () => {
  test('is one class, and one line at each end: it hears, speaks and has its time', async () => {
    const world = new SimulatedWorld(1);
    const made: Health[] = [];
    const features = (session: SessionContext): Feature[] => [made[made.push(new Health(session)) - 1]!];
    const server = world.server('primary', LINK, { features });
    await world.dial(server.address, {}, { features });
    await world.pass(3000);
    expect(made.map(({ load }) => load)).toEqual([250, 250]);
  });

  test('cannot take a message from another feature', async () => {
    const world = new SimulatedWorld(1);
    const server = world.server('primary', LINK);
    const rival = (): Feature[] => [
      { handlers: { ping: (_path, { sequence }) => ({ $case: 'pong', value: { sequence, clockMs: 0n } }) } },
    ];
    await expect(world.dial(server.address, {}, { features: rival })).rejects.toMatchObject({
      code: 'ERR_KWIK_INTERNAL',
      message: expect.stringContaining('two features take care of ping'),
    });
  });
});
