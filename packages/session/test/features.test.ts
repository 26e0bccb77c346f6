import { describe, expect, test } from '@jest/globals';
import type { Feature } from '../src/runtime/features/feature.js';
import type { SessionContext } from '../src/runtime/features/session-context.js';
import { SimulatedWorld } from './simulated-world.js';

const LINK = { both: { rateBitsPerSecond: 20e6, delayMs: 5, queueBytes: 60_000 } };
const SEVENTH = { keyPhase: 7, salt: new Uint8Array(16) };

/** A feature that nobody has yet: each end says every second which keys it has, and keeps the last that it heard. */
class KeyPhases implements Feature {
  phase: number | undefined;
  #nextMs = 0;
  readonly handlers = {
    keyUpdate: (_path: unknown, { keyPhase }: { keyPhase: number }) => void (this.phase = keyPhase),
  };

  constructor(readonly session: SessionContext) {}

  plan(now: number): number {
    if (now >= this.#nextMs) {
      this.session.controlPath?.send({ $case: 'keyUpdate', value: SEVENTH });
      this.#nextMs = now + 1000;
    }
    return this.#nextMs;
  }
}

describe('a feature of its own', () => {
  test('is one class, and one line at each end: it hears, speaks and has its time', async () => {
    const world = new SimulatedWorld(1);
    const made: KeyPhases[] = [];
    const features = (session: SessionContext): Feature[] => [made[made.push(new KeyPhases(session)) - 1]!];
    const server = world.server('primary', LINK, { features });
    await world.dial(server.address, {}, { features });
    await world.pass(3000);
    expect(made.map(({ phase }) => phase)).toEqual([7, 7]);
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
