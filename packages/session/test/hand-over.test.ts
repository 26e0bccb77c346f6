import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, jest, test } from '@jest/globals';
import {
  dial,
  listen,
  type Listener,
  type ListenOptions,
  type ServerSession,
  type Session,
  type Stream,
} from '@kwik/session';
import type { AuditEvent } from '@kwik/wire';
import { ChaosWorld } from '@kwik/testbed/chaos';
import { pattern, sourceOf } from './harness.js';

/** For machines that do much else at the time: the times in here are virtual. */
jest.setTimeout(120_000);

const RTT_MS = 20;
const LINK = { both: { rateBitsPerSecond: 20e6, delayMs: RTT_MS / 2, queueBytes: 100_000 } };
const FLEET = [new Uint8Array(32).fill(0xf1)];
const PRIMARY = '10.0.0.1:4433';
const STANDBY = '10.0.0.2:4433';
const content = pattern(3_000_000, 11);

interface Served {
  readonly listener: Listener;
  readonly sessions: ServerSession[];
}

/** Answers what a client says: with the content, or the same again. */
async function answer(stream: Stream): Promise<void> {
  for await (const chunk of stream) {
    if (Buffer.from(chunk).toString() === 'get') await stream.sendFrom('film', sourceOf(content), { end: true });
    else await stream.write(chunk);
  }
  await stream.close();
}

async function serve(
  world: ChaosWorld,
  at: string,
  { standby, ...options }: ListenOptions & { readonly standby?: string } = {},
): Promise<Served> {
  const host = world.host(at.split(':')[0]!, LINK);
  const listener = await listen({
    host: host.name,
    port: 4433,
    runtime: host.runtime,
    replica: () => sourceOf(content),
    ...options,
    takeover: { fleetKeys: FLEET, ...(standby !== undefined && { standby: { address: standby } }) },
  });
  const sessions: ServerSession[] = [];
  void (async () => {
    for await (const session of listener) {
      sessions.push(session);
      void (async () => {
        for (;;) void answer(await session.acceptStream()).catch(() => undefined);
      })().catch(() => undefined);
    }
  })();
  return { listener, sessions };
}

interface Scene {
  readonly world: ChaosWorld;
  readonly primary: Served;
  readonly standby: Served;
  readonly open: () => Promise<Session>;
}

async function scene(seed: number, ofPrimary: ListenOptions = {}, ofStandby: ListenOptions = {}): Promise<Scene> {
  const world = new ChaosWorld({ seed });
  const home = world.host('10.0.0.9');
  const standby = await serve(world, STANDBY, ofStandby);
  const primary = await serve(world, PRIMARY, { standby: STANDBY, ...ofPrimary });
  const open = async (): Promise<Session> => {
    const client = await world.run(dial(PRIMARY, { runtime: home.runtime, trust: { allowTargets: ['private'] } }));
    // Its first ticket is there.
    await world.pass(200);
    return client;
  };
  return { world, primary, standby, open };
}

function addressOf(client: Session): string | undefined {
  return client.getActivePaths()[0]?.address;
}

async function ask(world: ChaosWorld, client: Session, text: string): Promise<Stream> {
  const stream = client.openStream();
  await world.run(stream.write(text));
  return stream;
}

describe('a server that hands its sessions over', () => {
  test('costs the reader of content no gap above 3 round trips and 50 ms, and stays open', async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const { world, primary, standby, open } = await scene(seed);
      const client = await open();
      const stream = await ask(world, client, 'get');
      const chunks: Uint8Array[] = [];
      let [bytes, lastMs, longestMs] = [0, world.clock.now(), 0];
      let drained: ReturnType<Listener['handOver']> | undefined;
      const reading = (async () => {
        for await (const chunk of stream) {
          const now = world.clock.now();
          if (bytes > 0) longestMs = Math.max(longestMs, now - lastMs);
          lastMs = now;
          bytes += chunk.length;
          chunks.push(chunk);
          if (bytes > 400_000 * seed) drained ??= primary.listener.handOver();
        }
      })();
      await world.run(reading);
      expect(Buffer.concat(chunks).equals(content)).toBe(true);
      expect(longestMs).toBeLessThanOrEqual(3 * RTT_MS + 50);
      expect(await world.run(drained!)).toEqual({ gone: 1, left: 0 });
      expect(addressOf(client)).toBe(STANDBY);
      expect(standby.sessions).toMatchObject([{ takenOver: true, id: client.id }]);
      expect(primary.listener.stats().sessions).toBe(0);

      const later = await open();
      await world.pass(5000);
      expect(addressOf(later)).toBe(PRIMARY);
    }
  });

  test('keeps those that have something under way that only it can end, and has them stay when the time is over', async () => {
    const { world, primary, open } = await scene(4);
    const [idle, busy] = [await open(), await open()];
    const stream = await ask(world, busy, 'one');
    await world.run(stream.read());
    expect(await world.run(primary.listener.handOver({ timeoutMs: 2000 }))).toEqual({ gone: 1, left: 1 });
    expect([addressOf(idle), addressOf(busy)]).toEqual([STANDBY, PRIMARY]);
    await world.run(stream.close());
    expect(await world.run(stream.read())).toBeNull();
    await world.pass(5000);
    expect(addressOf(busy)).toBe(PRIMARY);
    // Now it can, when it is asked again.
    expect(await world.run(primary.listener.handOver())).toEqual({ gone: 1, left: 0 });
    expect(addressOf(busy)).toBe(STANDBY);
  });

  test('has them stay at once when it thinks better of it', async () => {
    const { world, primary, open } = await scene(5);
    const busy = await open();
    const stream = await ask(world, busy, 'one');
    await world.run(stream.read());
    const [before, kept] = [new AbortController(), new AbortController()];
    const handingOver = primary.listener.handOver({ signal: kept.signal });
    await world.pass(500);
    await expect(primary.listener.handOver()).rejects.toMatchObject({ code: 'ERR_KWIK_INVALID_STATE' });
    kept.abort();
    expect(await world.run(handingOver)).toEqual({ gone: 0, left: 1 });
    before.abort();
    expect(await world.run(primary.listener.handOver({ signal: before.signal }))).toEqual({ gone: 0, left: 1 });
    await world.run(stream.close());
    await world.pass(5000);
    expect(addressOf(busy)).toBe(PRIMARY);
  });

  test('and is closed then, hands over all the same', async () => {
    const { world, primary, open } = await scene(6);
    const client = await open();
    const stream = await ask(world, client, 'one');
    await world.run(stream.read());
    const handingOver = primary.listener.handOver({ timeoutMs: 500 });
    const closing = primary.listener.close();
    await expect(primary.listener.handOver()).rejects.toThrow('the listener is closed');
    expect(await world.run(handingOver)).toEqual({ gone: 0, left: 1 });
    await world.run(stream.close());
    await world.run(closing);
    expect(addressOf(client)).toBe(STANDBY);
  });

  test.each([
    ['its name', { identity: { serverId: 'one' } }, 'one'],
    ['its address', {}, PRIMARY],
  ])('is known to the standby by %s: to its application, in its audit log, and to who watches', async (_, is, name) => {
    const opened: unknown[] = [];
    const hear = (event: unknown): void => void opened.push(event);
    subscribe('kwik:session:opened', hear);
    const audited: AuditEvent[] = [];
    const guard = { audit: { record: (event: AuditEvent) => void audited.push(event), fault: undefined } };
    const { world, primary, standby, open } = await scene(8, is, { guard });
    const client = await open();
    await world.run(primary.listener.handOver());
    await world.pass(500);
    unsubscribe('kwik:session:opened', hear);
    expect([primary, standby].map(({ sessions }) => sessions[0]?.takenFrom)).toEqual([undefined, name]);
    expect(audited.find(({ kind }) => kind === 'session-opened')?.facts).toMatchObject({ takenFrom: name });
    const ofServers = opened.filter((event) => (event as { role: string }).role === 'primary');
    expect(ofServers).toMatchObject([{ sessionId: client.id }, { sessionId: client.id, takenFrom: name }]);
    expect(ofServers[0]).not.toHaveProperty('takenFrom');
  });

  test.each(['handed over', 'killed'])('a standby that is full is asked again until it has room: %s', async (how) => {
    const { world, primary, standby, open } = await scene(9, {}, { limits: { maxSessions: 1 } });
    const { runtime } = world.host('10.0.0.8');
    const other = await world.run(dial(STANDBY, { runtime }));
    const client = await open();
    if (how === 'killed') world.host('10.0.0.1').kill();
    const handedOver = how === 'killed' ? undefined : primary.listener.handOver();
    await world.pass(6000);
    expect(standby.listener.stats().refused).toMatchObject({ ERR_KWIK_CONNECTION_REFUSED: expect.any(Number) });
    expect(addressOf(client)).not.toBe(STANDBY);
    await world.run(other.close());
    await world.pass(6000);
    expect(addressOf(client)).toBe(STANDBY);
    if (handedOver !== undefined) expect(await world.run(handedOver)).toEqual({ gone: 1, left: 0 });
  });

  test('has a standby to name, and says so where it has none', async () => {
    const { standby } = await scene(7);
    await expect(standby.listener.handOver()).rejects.toMatchObject({
      code: 'ERR_KWIK_INVALID_STATE',
      message: expect.stringContaining('takeover.standby'),
    });
    await expect(standby.listener.handOver({ deadlineMs: 1 } as never)).rejects.toMatchObject({
      code: 'ERR_KWIK_INVALID_ARGUMENT',
    });
  });
});
