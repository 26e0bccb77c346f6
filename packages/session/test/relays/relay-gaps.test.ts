import { expect, test } from '@jest/globals';
import type { ServerSession, Session } from '@kwik/session';
import { AcceptedSession } from '../../src/server/server-session.js';
import { SimulatedWorld, type SimulatedServer } from '../simulated-world.js';

/** From the client to a relay, and from the client through it to the primary, ms one way. */
const TO_RELAY_MS = 5;
const THROUGH_MS = 20;
const RTT_MS = 2 * THROUGH_MS;
/** Between two writes. */
const EVERY_MS = 5;
const WRITE_BYTES = 2000;

const linkOf = (delayMs: number) => ({ both: { rateBitsPerSecond: 2e7, delayMs, queueBytes: 100_000 } });

interface Scene {
  readonly world: SimulatedWorld;
  readonly relays: readonly SimulatedServer[];
  readonly client: Session;
  readonly server: ServerSession;
}

/** A session over two relays. The direct way to the primary carries no more. */
async function scene(seed: number): Promise<Scene> {
  const world = new SimulatedWorld(seed);
  const primary = world.server('10.0.0.1', linkOf(THROUGH_MS));
  const relay = { anchors: ['10.0.0.1'], shape: linkOf(THROUGH_MS) };
  const relays = ['10.0.0.2', '10.0.0.3'].map((host) => world.server(host, linkOf(TO_RELAY_MS), { relay }));
  const client = await world.dial(primary.address, { writes: { routing: 'distributed' } });
  const server = primary.sessions[0]!;
  for (const { address } of relays) await world.settle(server.addPath(address, { capabilities: ['relay'] }));
  await world.pass(500);
  expect(client.getActivePaths().filter(({ via }) => via !== undefined)).toHaveLength(2);
  client.suspendPath(0);
  server.suspendPath(0);
  return { world, relays, client, server };
}

/** The longest pause of a reader, after `strike`, of what the primary writes all the time; and all that it read. */
async function longestGap({ world, client, server }: Scene, strike: () => void): Promise<number> {
  const stream = server.openStream();
  let writing = true;
  let written = 0;
  const write = (): void => {
    if (!writing) return;
    written += WRITE_BYTES;
    void stream.write(new Uint8Array(WRITE_BYTES)).catch(() => undefined);
    world.clock.schedule(EVERY_MS, write);
  };
  write();
  const reader = await world.settle(client.acceptStream());
  let read = 0;
  let lastMs = world.clock.now();
  let longestMs = 0;
  void (async () => {
    for (let chunk = await reader.read(); chunk !== null; chunk = await reader.read()) {
      read += chunk.length;
      longestMs = Math.max(longestMs, world.clock.now() - lastMs);
      lastMs = world.clock.now();
    }
  })().catch(() => undefined);
  await world.pass(1000);
  longestMs = 0;
  strike();
  await world.pass(3000);
  writing = false;
  const gapMs = Math.max(longestMs, 0);
  await world.pass(1000);
  expect(read).toBe(written);
  return gapMs;
}

const SEEDS = Array.from({ length: 10 }, (_, index) => index + 1);

test('a relay that vanishes without a word costs the reader three round trips and 50 ms at the most', async () => {
  const gaps: number[] = [];
  for (const seed of SEEDS) {
    const made = await scene(seed);
    const [vanishing] = made.relays;
    gaps.push(
      await longestGap(made, () => {
        vanishing!.link.cut();
        vanishing!.relay!.silence();
      }),
    );
  }
  expect(Math.max(...gaps)).toBeLessThanOrEqual(3 * RTT_MS + 50);
}, 60_000);

test('a relay that is drained costs the reader nothing', async () => {
  for (const seed of SEEDS.slice(0, 5)) {
    const made = await scene(seed);
    const before = await longestGap(made, () => undefined);
    const [draining] = made.relays;
    const gap = await longestGap(made, () => {
      for (const session of draining!.sessions) if (session instanceof AcceptedSession) session.drainRelay();
    });
    // One write may be late by the jitter of its packets, and never by a round trip.
    expect(gap).toBeLessThanOrEqual(before + EVERY_MS);
    // It was left, and joined again with a new grant: it drains for this client alone.
    expect(draining!.sessions.length).toBeGreaterThanOrEqual(2);
  }
}, 60_000);
