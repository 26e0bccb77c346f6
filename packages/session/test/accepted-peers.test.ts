import { expect, test } from '@jest/globals';
import type { AcceptedPeer, PathTransport } from '@kwik/wire';
import { SimulatedWorld } from './simulated-world.js';

const LINK = { both: { rateBitsPerSecond: 8e6, delayMs: 10, queueBytes: 100_000 } };

test('a server tells each connection whose it is, and what that weighs where the processor is scarce', async () => {
  const told: (AcceptedPeer | undefined)[] = [];
  const wrap = (transport: PathTransport): PathTransport =>
    Object.assign(transport, { acceptPeer: (whose?: AcceptedPeer) => told.push(whose) });
  const world = new SimulatedWorld(3);
  const server = world.server('10.0.0.1', LINK, {
    wrap,
    access: { decide: () => ({ allowed: true, rule: 'all', limits: { weight: 7 } }) },
  });
  const sessions = [await world.dial(server.address), await world.dial(server.address)];
  expect(told).toEqual([
    { peer: expect.stringMatching(/^at /), weight: 7 },
    { peer: told[0]?.peer, weight: 7 },
  ]);
  await Promise.all(sessions.map((session) => session.close()));
});
