import { expect, jest, test } from '@jest/globals';
import type { PathInfo, Session } from '@kwik/session';
import type { PathTransport } from '@kwik/wire';
import { fetchContent, pattern, serveContent } from '../harness.js';
import { SimulatedWorld } from '../simulated-world.js';
import { withoutAnswers } from '../without-answers.js';

/** For machines that do much else at the time. */
jest.setTimeout(120_000);

/** A path gets new ones after half of them. */
const limits = { packetsPerKey: 1000 };

/** One attempt of a client asks for so many, and keeps one; besides there is the one that it has. */
const MAX_FLOWS = 5 + 1;
const shape = { both: { rateBitsPerSecond: 20e6, delayMs: 10, queueBytes: 62_500 } };

function scene(seed: number, content: Uint8Array) {
  const world = new SimulatedWorld(seed);
  const primary = world.server('10.0.0.1', shape, {
    limits,
    onSession: (session) => void serveContent(session, 'film', content),
  });
  const relay = world.server('10.0.0.2', shape, { relay: { anchors: ['10.0.0.1'], forClients: true, shape } });
  return { world, primary, relay, flows: () => relay.relay!.flows };
}

function relayed(client: Session): PathInfo {
  return client.getActivePaths().find(({ via }) => via !== undefined)!;
}

test('a relay forwards a path that gets new keys, and the connection that it had for no longer than it is used', async () => {
  const content = pattern(2_500_000, 21);
  const { world, primary, relay, flows } = scene(3, content);
  const client = await world.dial(primary.address, { limits });
  const [server] = primary.sessions;
  await world.settle(server!.addPath(relay.address, { capabilities: ['relay'] }));
  await world.pass(500);
  client.suspendPath(0);
  server!.suspendPath(0);
  const deaths: number[] = [];
  client.onPathChange(({ id, state }) => {
    if (state === 'dead') deaths.push(id);
  });
  let most = 0;
  const watch = (): void => {
    most = Math.max(most, flows());
    world.clock.schedule(5, watch);
  };
  watch();
  expect(Buffer.compare(await world.settle(fetchContent(client)), content)).toBe(0);
  expect(relayed(client).renewals).toBeGreaterThanOrEqual(3);
  expect(deaths).toEqual([]);
  expect(most).toBeLessThanOrEqual(MAX_FLOWS);
  await world.pass(1000);
  expect(flows()).toBe(1);
});

test('a session that was opened by way of a relay keeps it while its keys cannot be renewed, however often it tries', async () => {
  const content = pattern(700_000, 22);
  const { world, primary, flows } = scene(5, content);
  primary.link.cut();
  let reached = 0;
  let deaf = true;
  const wrap = (transport: PathTransport): PathTransport =>
    transport.remote.address === '10.0.0.1' && ++reached > 1 && deaf ? withoutAnswers(transport) : transport;
  const relays = [{ address: '10.0.0.2:4433' }];
  const client = await world.dial(primary.address, { limits, paths: { relays } }, { wrap });
  expect(relayed(client)).toMatchObject({ id: 0, primary: true });
  expect(Buffer.compare(await world.settle(fetchContent(client)), content)).toBe(0);
  await world.pass(60_000);
  expect(reached).toBeGreaterThan(5);
  expect(relayed(client)).toMatchObject({ id: 0, state: 'active', renewals: 0 });
  deaf = false;
  await world.pass(40_000);
  expect(relayed(client)).toMatchObject({ id: 0, state: 'active', renewals: 1 });
  expect(Buffer.compare(await world.settle(fetchContent(client)), content)).toBe(0);
  await world.pass(1000);
  // The other one is of the path to the primary that every relay of a client's own gets.
  expect(flows()).toBeLessThanOrEqual(2);
});
