import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createDiscovery, staticList, type OwnDiscovery } from '@kwik/discovery';
import { keepDiscoveredPaths, reportHealth, type PathInfo, type ServerSession, type Session } from '@kwik/session';
import type { ServerDirectory } from '@kwik/wire';
import type { ClientSession } from '../src/client/client-session.js';
import { SimulatedWorld, type SimulatedServer } from './simulated-world.js';

const SHAPE = { both: { rateBitsPerSecond: 20e6, delayMs: 10, queueBytes: 60_000 } };
const OTHERS = ['10.0.0.2', '10.0.0.3'];
const WELL = { load: 0.25, sessions: 3, accepting: true };
const FULL = { load: 1, sessions: 9, accepting: false };

let world: SimulatedWorld;
let discovery: OwnDiscovery;
let directory: ServerDirectory;
let primary: SimulatedServer;
let others: SimulatedServer[];
let client: Session;
let session: ServerSession;
/** A session has come to one of the others. */
let onJoined: (joined: ServerSession, address: string) => void;

beforeEach(async () => {
  world = new SimulatedWorld(1);
  primary = world.server('10.0.0.1', SHAPE);
  onJoined = () => undefined;
  others = OTHERS.map((host) => {
    return world.server(host, SHAPE, { onSession: (joined) => onJoined(joined, `${host}:4433`) });
  });
  const servers = OTHERS.map((host) => ({
    ...{ serverId: host, addresses: [`${host}:4433`], capabilities: ['replica'] },
  }));
  discovery = createDiscovery({ sources: [staticList(servers)], clock: primary.process, random: () => 0.5 });
  directory = discovery.service('films');
  client = await world.dial(primary.address);
  await world.pass(100);
  session = primary.sessions[0]!;
});
afterEach(() => discovery.close());

function publishedOf(channel: string): { events: unknown[]; leave: () => void } {
  const events: unknown[] = [];
  const take = (message: unknown): void => void events.push(message);
  subscribe(channel, take);
  return { events, leave: () => void unsubscribe(channel, take) };
}

const pathTo = (end: Session, address: string): PathInfo | undefined =>
  end.getActivePaths().find((path) => path.address === address);
const taken = (): string[] => session.getActivePaths().flatMap(({ primary: own, address }) => (own ? [] : [address]));

describe('what a server says of itself', () => {
  test('is known to the client, and by it to the primary, once a second at the most', async () => {
    const [other] = others;
    await world.settle(session.addPath(other!.address));
    reportHealth(session, { load: 0.5, sessions: 1, accepting: true });
    await world.pass(2000);
    expect(client.getActivePaths()[0]).toMatchObject({ primary: true, serverHealth: { load: 0.5, sessions: 1 } });
    const heard: unknown[] = [];
    session.onPathChange(({ serverHealth }) => void heard.push(serverHealth));
    for (let sessions = 1; sessions <= 30; sessions++) {
      reportHealth(other!.sessions[0]!, { ...WELL, sessions });
      await world.pass(100);
    }
    await world.pass(2000);
    expect(pathTo(client, other!.address)?.serverHealth).toEqual({ ...WELL, sessions: 30 });
    expect(pathTo(session, other!.address)?.serverHealth).toEqual({ ...WELL, sessions: 30 });
    expect(heard.length).toBeGreaterThan(1);
    expect(heard.length).toBeLessThanOrEqual(5);
    // Of a connection that is gone nothing is left.
    world.network.kill(other!.address);
    await world.pass(60_000);
    expect(session.getAllPaths().map(({ serverHealth }) => serverHealth)).toEqual([undefined, undefined]);
  });

  test('counts, too, when it comes with the answer that the path is there', async () => {
    let first: string | undefined;
    onJoined = (joined, address) => {
      first ??= address;
      if (address === first) reportHealth(joined, FULL);
    };
    const add = session.addPath.bind(session);
    session.addPath = async (...args) => {
      const path = await add(...args);
      if (args[0] !== first) return path;
      return new Promise((resolve) => {
        session.onPathChange(({ id, serverHealth }) => {
          if (id === path.id && serverHealth !== undefined) resolve(path);
        });
      });
    };
    keepDiscoveredPaths(session, directory, { count: 1, clock: primary.process });
    await world.pass(3000);
    expect(taken()).toEqual(others.flatMap(({ address }) => (address === first ? [] : [address])));
  });

  test('while the primary was away, is told when it is back', async () => {
    const [other] = others;
    await world.settle(session.addPath(other!.address));
    await world.pass(2000);
    primary.link.cut();
    await world.pass(100);
    reportHealth(other!.sessions[0]!, FULL);
    await world.pass(20_000);
    primary.link.heal();
    await world.pass(20_000);
    expect(pathTo(session, other!.address)?.serverHealth).toEqual(FULL);
  });

  test('that it takes nobody new, has the primary of a session look for another in time, and changes nothing else', async () => {
    keepDiscoveredPaths(session, directory, { count: 1, clock: primary.process });
    await world.pass(1000);
    const [first] = taken();
    const leaving = others.find(({ address }) => address === first)!;
    reportHealth(leaving.sessions[0]!, FULL);
    await world.pass(1000);
    expect(taken()).toEqual(others.flatMap(({ address }) => (address === first ? [] : [address])));
    // For other sessions it is as it was.
    expect(directory.usable(first!)).toBe(true);
    expect(directory.find(first!)).toMatchObject({ accepting: true, load: undefined });
  });

  test('is no reason to be alone: without another server the path stays', async () => {
    keepDiscoveredPaths(session, directory, { count: 2, clock: primary.process });
    await world.pass(1000);
    for (const { sessions } of others) reportHealth(sessions[0]!, FULL);
    await world.pass(60_000);
    expect(taken().sort()).toEqual(others.map(({ address }) => address));
  });
});

test('says nothing of the state of a path: it is no success of its server, and no event of the path', async () => {
  const observed: string[] = [];
  const observe = directory.observe.bind(directory);
  directory.observe = (server, seen) => {
    observed.push(seen.kind);
    observe(server, seen);
  };
  keepDiscoveredPaths(session, directory, { count: 1, clock: primary.process });
  await world.pass(2000);
  const { events, leave } = publishedOf('kwik:path:changed');
  const before = observed.length;
  const [speaking] = others.filter(({ address }) => address === taken()[0]);
  for (let sessions = 1; sessions <= 5; sessions++) {
    reportHealth(speaking!.sessions[0]!, { ...WELL, sessions });
    await world.pass(1500);
  }
  leave();
  expect(pathTo(session, speaking!.address)?.serverHealth?.sessions).toBe(5);
  expect(observed.slice(before)).toEqual([]);
  expect(events).toEqual([]);
});

test('often, is taken once a second by the client, and by the primary from it, the last word always', async () => {
  const [other] = others;
  await world.settle(session.addPath(other!.address));
  await world.pass(2000);
  const { controlPath } = (client as Session & Pick<ClientSession, 'engine'>).engine;
  const heard = [client, session].map((end) => {
    const changes: PathInfo[] = [];
    end.onPathChange((path) => void changes.push(path));
    return changes;
  });
  for (let sessions = 1; sessions <= 300; sessions++) {
    reportHealth(other!.sessions[0]!, { ...WELL, sessions });
    // A client that passes on all that it hears, or makes it up.
    const value = { serverId: other!.address, loadPermille: 250, sessions, memoryBytes: 0n, accepting: true };
    controlPath?.send({ $case: 'healthReport', value });
    await world.pass(10);
  }
  await world.pass(2000);
  for (const changes of heard) {
    expect(changes.length).toBeGreaterThan(1);
    expect(changes.length).toBeLessThanOrEqual(6);
    expect(changes.at(-1)?.serverHealth?.sessions).toBe(300);
  }
});

test('and taken back, again and again, is said to the operator once', async () => {
  const said: string[] = [];
  const onShort = (reason: string): void => void said.push(reason);
  keepDiscoveredPaths(session, directory, { count: 2, clock: primary.process, onShort });
  await world.pass(2000);
  for (let turn = 0; turn < 20; turn++) {
    for (const { sessions } of others) reportHealth(sessions[0]!, turn % 2 === 0 ? FULL : WELL);
    await world.pass(1500);
  }
  expect(said).toHaveLength(1);
});

test('a client that says it of every server, again and again, has its own session change paths a few times', async () => {
  let added = 0;
  const add = session.addPath.bind(session);
  session.addPath = (...args) => {
    added++;
    return add(...args);
  };
  keepDiscoveredPaths(session, directory, { count: 1, clock: primary.process });
  for (let second = 0; second < 120; second++) {
    await world.pass(1000);
    const { engine } = client as Session & Pick<ClientSession, 'engine'>;
    for (const serverId of [...OTHERS, '10.0.0.1', 'nobody']) {
      const value = { serverId, loadPermille: 1000, sessions: second, memoryBytes: 0n, accepting: false };
      engine.controlPath?.send({ $case: 'healthReport', value });
    }
  }
  expect(taken()).toHaveLength(1);
  expect(added).toBeLessThan(20);
  for (const host of OTHERS) expect(directory.usable(host)).toBe(true);
  expect(session.getActivePaths()[0]?.serverHealth).toBeUndefined();
});

test('is checked before it is told, and told by servers alone', () => {
  const wrong = { ...WELL, load: 2 };
  expect(() => reportHealth(session, wrong)).toThrow(/load of reportHealth cannot be 2/);
  expect(() => reportHealth(client as unknown as ServerSession, WELL)).toThrow(/session of a server/);
});
