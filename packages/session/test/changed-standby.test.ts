import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { dial, listen, type Listener, type ListenOptions, type Session } from '@kwik/session';
import { ChaosWorld } from '@kwik/testbed/chaos';

/** For machines that do much else at the time: the times in here are virtual. */
jest.setTimeout(120_000);

const LINK = { both: { rateBitsPerSecond: 20e6, delayMs: 10, queueBytes: 100_000 } };
const FLEET = [new Uint8Array(32).fill(0xf1)];

let world: ChaosWorld;
let standby: string | undefined;
let listeners: Listener[];
beforeEach(() => {
  world = new ChaosWorld({ seed: 1 });
  listeners = [];
});
afterEach(async () => {
  for (const listener of listeners) void listener.close({ force: true });
  await world.pass(5000);
});

async function serve(host: string, takeover: ListenOptions['takeover']): Promise<Listener> {
  const { name, runtime } = world.host(host, LINK);
  const listener = await listen({ host: name, port: 4433, runtime, ...(takeover && { takeover }) });
  listeners.push(listener);
  return listener;
}

/** A primary whose standby is the one that `standby` names, and its client. */
async function primary(): Promise<{ readonly listener: Listener; readonly client: Session }> {
  const named = () => (standby === undefined ? undefined : { address: standby });
  const listener = await serve('10.0.0.1', { fleetKeys: FLEET, standby: named });
  const { runtime } = world.host('10.0.0.9');
  const client = await world.run(dial('10.0.0.1:4433', { runtime, trust: { allowTargets: ['private'] } }));
  // It is told of a standby once a second at the most.
  await world.pass(1500);
  return { listener, client };
}

function addressOf(client: Session): string | undefined {
  return client.getActivePaths()[0]?.address;
}

describe('a standby that is another one than before', () => {
  test('is where the client goes on, when the primary is lost a moment later', async () => {
    await serve('10.0.0.2', { fleetKeys: FLEET });
    await serve('10.0.0.3', { fleetKeys: FLEET });
    standby = '10.0.0.2:4433';
    const { listener, client } = await primary();
    world.host('10.0.0.2').kill();
    standby = '10.0.0.3:4433';
    listener.standbyChanged();
    await world.pass(100);
    world.host('10.0.0.1').kill();
    await world.pass(10_000);
    expect(addressOf(client)).toBe('10.0.0.3:4433');
  });

  test('is named to a client that had none', async () => {
    await serve('10.0.0.2', { fleetKeys: FLEET });
    standby = undefined;
    const { listener, client } = await primary();
    standby = '10.0.0.2:4433';
    listener.standbyChanged();
    await world.pass(100);
    world.host('10.0.0.1').kill();
    await world.pass(10_000);
    expect(addressOf(client)).toBe('10.0.0.2:4433');
  });

  test('and is none any more leaves the client with its primary: it is not sent to one that was named before', async () => {
    await serve('10.0.0.2', { fleetKeys: FLEET });
    standby = '10.0.0.2:4433';
    const { listener, client } = await primary();
    standby = undefined;
    listener.standbyChanged();
    await world.pass(100);
    world.host('10.0.0.1').kill();
    expect(await world.run(client.closed)).toMatchObject({ error: { code: 'ERR_KWIK_NO_PATH' } });
    expect(listeners[0]!.stats().opened).toBe(0);
  });
});
