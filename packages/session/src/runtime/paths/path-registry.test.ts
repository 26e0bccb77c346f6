import { describe, expect, test } from '@jest/globals';
import { PathMachine } from '@kwik/paths';
import { KwikError, toPathId } from '@kwik/wire';
import type { PathInfo } from '../../api/session.js';
import { UserCallbacks } from '../host/user-callbacks.js';
import { MAX_KNOWN_PATHS, PathRegistry, type ConnectedPath, type PathFigures } from './path-registry.js';

const time = { now: 0 };

const FIGURES: PathFigures = {
  rttMs: 20,
  deliveryRateBytesPerSecond: 1000,
  sentBytes: 1,
  receivedBytes: 2,
  duplicateBytes: 3,
  lostPackets: 4,
};

/** A path that has a connection, as far as the registry looks. */
class TestPath implements ConnectedPath {
  readonly id;
  readonly address: string;
  readonly primary: boolean;
  readonly serverId = 'one';
  readonly machine: PathMachine;
  death: KwikError | undefined;
  rttMs = FIGURES.rttMs;

  constructor(id: number, machine = new PathMachine(time.now)) {
    this.id = toPathId(id);
    this.address = `server-${id}.example:1`;
    this.primary = id === 0;
    this.machine = machine;
    if (machine.state !== 'recovering') machine.validating(time.now);
    machine.activate(time.now);
  }

  die(code: 'ERR_KWIK_PATH_DEAD' | 'ERR_KWIK_TIMEOUT', message: string): void {
    this.death = new KwikError(code, message);
    this.machine.die(time.now, message);
  }

  figures(): PathFigures {
    return { ...FIGURES, rttMs: this.rttMs };
  }
}

function setUp() {
  time.now = 0;
  const warned: string[] = [];
  const registry = new PathRegistry<TestPath>({ now: () => time.now }, new UserCallbacks((text) => warned.push(text)));
  const heard: string[] = [];
  registry.onChange(({ id, state }) => heard.push(`${id} ${state}`));
  const connect = (id: number): TestPath => {
    const path = new TestPath(id, registry.machine(toPathId(id)));
    registry.add(path);
    return path;
  };
  const lose = (path: TestPath, message = 'silent'): void => {
    path.die('ERR_KWIK_PATH_DEAD', message);
    registry.remove(path);
  };
  return { registry, heard, warned, connect, lose };
}

const states = (infos: readonly PathInfo[]): string[] => infos.map(({ id, state }) => `${id} ${state}`);
const withCode = (code: string): unknown => expect.objectContaining({ code });

describe('PathRegistry', () => {
  test('lists the paths that are connected, and all since the session began, by number (K6.4, K6.5, K6.6)', () => {
    const { registry, connect, lose } = setUp();
    const [second, first] = [connect(1), connect(0)];
    registry.report(toPathId(2), { state: 'connecting', address: 'other.example:1' });
    lose(second);
    expect([...registry.values()]).toEqual([first]);
    expect([registry.size, registry.has(second.id), registry.get(first.id)]).toEqual([1, false, first]);
    expect(states(registry.infos())).toEqual(['0 active', '1 dead', '2 connecting']);
  });

  test('says why the dial of a path waits, beside what the path was lost for, and no more when it goes on', () => {
    const { registry, connect, lose, heard } = setUp();
    const { id, address, primary } = connect(0);
    lose(registry.get(id)!, 'silent');
    registry.connecting({ id, address, primary });
    registry.waits(id, 'it waits for another');
    expect(registry.info(id)?.reason).toBe('silent; it waits for another');
    registry.waits(id, 'it waits still');
    expect(registry.info(id)?.reason).toBe('silent; it waits still');
    registry.waits(id, undefined);
    expect(registry.info(id)?.reason).toBe('silent');
    expect(heard).toEqual(['0 recovering', '0 recovering', '0 recovering', '0 recovering']);
    // A path that is not known, or has its connection, waits for nothing.
    registry.waits(toPathId(9), 'it waits');
    const connected = connect(1);
    registry.waits(connected.id, 'it waits');
    expect([registry.info(toPathId(9)), registry.info(connected.id)?.reason]).toEqual([undefined, undefined]);
  });

  test('shows a connected path as it is now, and a dead one as it was, with the reason', () => {
    const { registry, connect } = setUp();
    const path = connect(0);
    path.rttMs = 99;
    expect(registry.info(path.id)).toEqual({
      ...FIGURES,
      rttMs: 99,
      ...{ id: 0, address: 'server-0.example:1', primary: true, state: 'active', serverId: 'one' },
    });
    path.die('ERR_KWIK_TIMEOUT', 'too late');
    registry.remove(path);
    path.rttMs = 1;
    expect(registry.info(path.id)).toMatchObject({
      state: 'dead',
      rttMs: 99,
      reason: 'too late',
      errorCode: 'ERR_KWIK_TIMEOUT',
    });
  });

  test('an operation on a dead path is refused with the reason, on an unknown one as such (K6.3)', () => {
    const { registry, connect, lose } = setUp();
    const path = connect(0);
    expect(registry.require(0)).toBe(path);
    lose(path, 'silent for 500 ms');
    expect(() => registry.require(0)).toThrow(withCode('ERR_KWIK_PATH_DEAD'));
    expect(() => registry.require(0)).toThrow(/server-0.example:1 is dead: silent for 500 ms/);
    expect(() => registry.require(7)).toThrow(withCode('ERR_KWIK_PATH_NOT_FOUND'));
    expect(registry.info(toPathId(7))).toBeUndefined();
  });

  test('a path that is connected again goes on with its state and its totals', () => {
    const { registry, heard, connect, lose } = setUp();
    const path = connect(0);
    lose(path);
    const again = { id: path.id, address: 'elsewhere.example:1', primary: true };
    registry.connecting(again);
    expect(registry.info(path.id)).toMatchObject({
      ...again,
      state: 'recovering',
      rttMs: 20,
      deliveryRateBytesPerSecond: 0,
    });
    // What it died of is why it is connected again.
    expect(registry.info(path.id)).toMatchObject({ reason: expect.any(String) });
    registry.connectFailed(again, new KwikError('ERR_KWIK_TIMEOUT', 'no answer'));
    expect(registry.info(path.id)).toMatchObject({ state: 'dead', errorCode: 'ERR_KWIK_TIMEOUT', sentBytes: 1 });
    registry.connecting(again);
    const next = connect(0);
    expect(next.machine.history.map(({ state }) => state)).toEqual(
      expect.arrayContaining(['active', 'dead', 'recovering']),
    );
    expect(next.machine).toBe(path.machine);
    expect(heard).toEqual(['0 recovering', '0 dead', '0 recovering']);
    // The one before it is dead for good.
    expect(registry.remove(path)).toBe(false);
    expect(registry.get(path.id)).toBe(next);
  });

  test('keeps of a path that the other end connects what it says no more of', () => {
    const { registry, heard } = setUp();
    const id = toPathId(3);
    registry.report(id, { state: 'connecting', address: 'peer.example:1' });
    registry.report(id, { state: 'active', rttMs: 30, serverId: 'peer', deliveryRateBytesPerSecond: 500 });
    registry.report(id, { state: 'dead', reason: 'gone', errorCode: 'ERR_KWIK_PATH_DEAD' });
    const kept = {
      address: 'peer.example:1',
      rttMs: 30,
      serverId: 'peer',
      deliveryRateBytesPerSecond: 0,
      primary: false,
    };
    expect(registry.info(id)).toMatchObject({ ...kept, state: 'dead', reason: 'gone' });
    const info = registry.report(id, { state: 'recovering' });
    expect(info).toMatchObject({ ...kept, state: 'recovering' });
    expect([info.reason, info.errorCode, registry.machine(id)]).toEqual(['gone', undefined, undefined]);
    expect(heard).toEqual(['3 connecting', '3 active', '3 dead', '3 recovering']);
  });

  test('tells of changes until nobody listens, or the session is over; a listener that throws disturbs nobody', () => {
    const { registry, heard, warned, connect, lose } = setUp();
    const fail = (): void => {
      throw new Error('mine');
    };
    const end = registry.onChange(fail);
    const path = connect(0);
    expect(heard).toEqual([]);
    registry.tell(path.id);
    expect([heard, warned.length]).toEqual([['0 active'], 1]);
    end();
    registry.tellNoMore();
    lose(path);
    registry.tell(path.id);
    expect([heard, states(registry.infos())]).toEqual([['0 active'], ['0 dead']]);
  });

  test('remembers so many paths, and forgets the oldest dead ones, never one that is connected', () => {
    const { registry, connect, lose } = setUp();
    const first = connect(0);
    for (let id = 1; id < MAX_KNOWN_PATHS + 10; id++) lose(connect(id));
    const infos = registry.infos();
    expect([infos.length, infos[0]!.id, infos[1]!.id]).toEqual([MAX_KNOWN_PATHS, 0, 11]);
    expect(registry.require(0)).toBe(first);
    expect(() => registry.require(3)).toThrow(withCode('ERR_KWIK_PATH_NOT_FOUND'));
  });
});
