import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { checkStandby, dial, listen, type Listener, type ListenOptions, type Session } from '@kwik/session';
import { ChaosWorld } from '@kwik/testbed/chaos';

/** For machines that do much else at the time: the times in here are virtual. */
jest.setTimeout(120_000);

const LINK = { both: { rateBitsPerSecond: 20e6, delayMs: 10, queueBytes: 100_000 } };
const [FLEET, OTHER] = [[new Uint8Array(32).fill(0xf1)], [new Uint8Array(32).fill(0xee)]];
const [PRIMARY, FIRST, SECOND] = ['10.0.0.1:4433', '10.0.0.2:4433', '10.0.0.3:4433'];
const HOUR_MS = 3600 * 1000;

let world: ChaosWorld;
let listeners: Listener[];
let unable: string[];
beforeEach(() => {
  world = new ChaosWorld({ seed: 1 });
  listeners = [];
  unable = [];
});
afterEach(async () => {
  for (const listener of listeners) void listener.close({ force: true });
  await world.pass(5000);
});

function hostOf(address: string) {
  return world.host(address.split(':')[0]!, undefined);
}

async function serve(address: string, takeover?: ListenOptions['takeover']): Promise<Listener> {
  const { name, runtime } = hostOf(address);
  const listener = await listen({ host: name, port: 4433, runtime, ...(takeover && { takeover }) });
  listeners.push(listener);
  return listener;
}

/** A client of a server whose standby is that one, or the one that a function gives. */
async function clientOf(standby: NonNullable<NonNullable<ListenOptions['takeover']>['standby']>): Promise<Session> {
  const onStandbyUnable = ({ address }: { address: string }, reason: string) => unable.push(`${address}: ${reason}`);
  await serve(PRIMARY, { fleetKeys: FLEET, standby, onStandbyUnable });
  const { runtime } = world.host('10.0.0.9');
  const client = await world.run(dial(PRIMARY, { runtime, trust: { allowTargets: ['private'] } }));
  await world.pass(5000);
  return client;
}

async function afterTheDeathOf(address: string, client: Session): Promise<string | undefined> {
  hostOf(address).kill();
  await world.pass(15_000);
  return client.getActivePaths()[0]?.address;
}

beforeEach(() => {
  for (const address of [PRIMARY, FIRST, SECOND]) world.host(address.split(':')[0]!, LINK);
});

describe('a standby that could take nothing over', () => {
  test.each([
    ['because its fleet keys are others', { fleetKeys: OTHER }, 0, /fleet keys are not the same/u],
    ['because it takes none over', undefined, 0, /takes no sessions over/u],
    ['because its clock is an hour ahead', { fleetKeys: FLEET }, HOUR_MS, /clocks of the two are too far apart/u],
    [
      'because its clock is two hours behind',
      { fleetKeys: FLEET },
      -2 * HOUR_MS,
      /clocks of the two are too far apart/u,
    ],
  ])('%s is told to the application before anybody needs it, and promised to no client', async (_, is, ahead, why) => {
    const standby = await serve(FIRST, is);
    hostOf(FIRST).skew(ahead);
    const client = await clientOf({ address: FIRST });
    expect(unable).toEqual([expect.stringMatching(why)]);
    const { refused } = standby.stats();
    expect(await afterTheDeathOf(PRIMARY, client)).toBeUndefined();
    // The client did not try it.
    expect(standby.stats().refused).toEqual(refused);
  });

  test('is told of once, however many clients there are, and is named when it can', async () => {
    await serve(FIRST, { fleetKeys: OTHER });
    const client = await clientOf({ address: FIRST });
    await world.pass(100_000);
    expect(unable).toHaveLength(1);
    hostOf(FIRST).kill();
    await serve(FIRST, { fleetKeys: FLEET });
    await world.pass(60_000);
    expect(await afterTheDeathOf(PRIMARY, client)).toBe(FIRST);
  });

  test('any more, since it was started again with another key, is taken back from clients', async () => {
    await serve(FIRST, { fleetKeys: FLEET });
    const client = await clientOf({ address: FIRST });
    hostOf(FIRST).kill();
    const again = await serve(FIRST, { fleetKeys: OTHER });
    await world.pass(60_000);
    expect(unable).toEqual([expect.stringContaining('fleet keys')]);
    const { refused } = again.stats();
    expect(await afterTheDeathOf(PRIMARY, client)).toBeUndefined();
    expect(again.stats().refused).toEqual(refused);
  });
});

test('a standby that is asked has no session of it, nothing that it refused, and takes the session over when it is time', async () => {
  const standby = await serve(FIRST, { fleetKeys: FLEET });
  const client = await clientOf({ address: FIRST });
  await world.pass(100_000);
  expect(standby.stats()).toMatchObject({ sessions: 0, opened: 0, refused: {} });
  expect(unable).toEqual([]);
  expect(await afterTheDeathOf(PRIMARY, client)).toBe(FIRST);
});

test('a client that has just been taken over goes on where that server is gone, too, a moment later', async () => {
  await serve(SECOND, { fleetKeys: FLEET });
  const standby = await serve(FIRST, { fleetKeys: FLEET, standby: { address: SECOND } });
  await world.pass(5000);
  const client = await clientOf({ address: FIRST });
  hostOf(PRIMARY).kill();
  while (standby.stats().opened === 0) await world.pass(1);
  // The client has the answer, and what follows it at once.
  await world.pass(25);
  expect(await afterTheDeathOf(FIRST, client)).toBe(SECOND);
});

test('a standby that the primary does not reach is named all the same', async () => {
  const heal = hostOf(FIRST).cut();
  const client = await clientOf({ address: FIRST });
  heal();
  await serve(FIRST, { fleetKeys: FLEET });
  expect(unable).toEqual([]);
  expect(await afterTheDeathOf(PRIMARY, client)).toBe(FIRST);
});

test('a function that chooses among servers asks them itself', async () => {
  await serve(FIRST, { fleetKeys: OTHER });
  await serve(SECOND, { fleetKeys: FLEET });
  const { runtime } = hostOf(PRIMARY);
  const client = await clientOf(async () => {
    for (const address of [FIRST, SECOND]) {
      const { takes } = await checkStandby({ address }, { fleetKeys: FLEET, runtime });
      if (takes === 'yes') return { address };
    }
    return undefined;
  });
  expect(await afterTheDeathOf(PRIMARY, client)).toBe(SECOND);
});

test('options that cannot be are refused', async () => {
  await expect(checkStandby({ address: FIRST }, { fleetKeys: [] })).rejects.toMatchObject({
    code: 'ERR_KWIK_INVALID_ARGUMENT',
  });
  await expect(checkStandby({ address: FIRST }, { keys: FLEET } as never)).rejects.toMatchObject({
    code: 'ERR_KWIK_INVALID_ARGUMENT',
  });
});
