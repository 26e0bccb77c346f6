import { describe, expect, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import type { Clock } from '@kwik/wire';
import type { OverloadEvent, OverloadOptions } from '../../api/overload.js';
import type { ProcessMemory } from '../../core/policy/overload/process-pressure.js';
import { MemoryLedger } from '../../core/costs/memory-ledger.js';
import { PolicyEngine } from '../../core/policy/policy-engine.js';
import type { PolicyDecision } from '../../core/policy/policy-decision.js';
import { IdleSessions } from '../../server/overload/idle-sessions.js';
import { OverloadGuard } from './overload-guard.js';

class Idle {
  ended: string | undefined;
  activity = 0;

  constructor(readonly quiet: boolean) {}

  close(_code: number, reason: string): Promise<void> {
    this.ended = reason;
    return Promise.resolve();
  }
}

const HEALTHY: ProcessMemory = {
  heapBytes: 60e6,
  heapLimitBytes: 1e9,
  residentBytes: 200e6,
  residentLimitBytes: 512e6,
};

/** `lateMs`: by how much every timer is late. */
function guarded(
  options?: OverloadOptions,
  sessions: Idle[] = [],
  lateMs: () => number = () => 0,
  process = () => HEALTHY,
) {
  const clock = new VirtualClock();
  const late: Clock = {
    now: () => clock.now(),
    schedule: (delayMs, callback) => clock.schedule(delayMs + lateMs(), callback),
  };
  const ledger = new MemoryLedger();
  const events: OverloadEvent[] = [];
  const steps: PolicyDecision[] = [];
  const policy = new PolicyEngine({
    name: 'the server',
    random: () => 0.5,
    publish: (decision) => void steps.push(decision),
    onDue: () => undefined,
  });
  const { shortage } = policy;
  const connections = { open: 0, most: 1000 };
  const idle = new IdleSessions();
  const guard = new OverloadGuard(() => options, {
    clock: late,
    ledgers: [ledger],
    policy,
    endIdle: (ends, now) => idle.look(ends, sessions, now),
    connections: () => connections,
    process,
    tell: (event) => void events.push(event),
  });
  return { clock, ledger, shortage, events, steps, guard, connections, account: ledger.open(() => undefined) };
}

test('clients that come and go make nothing of all sessions anew, though now the one and now the other is scarcest', () => {
  const { clock, shortage, guard, connections, account } = guarded({ memoryBytes: 1000 });
  account.hold(750, 0);
  clock.advanceBy(250);
  let told = 0;
  shortage.onChange(() => (told += 1));
  for (let client = 0; client < 100; client++) {
    connections.open = client % 2 === 0 ? 751 : 749;
    guard.admit();
  }
  expect([told, shortage.limits.text]).toEqual([0, 'the server is short of memory']);
  connections.open = 755;
  clock.advanceBy(250);
  expect([told, shortage.limits.text]).toEqual([1, 'the server is short of connections']);
});

describe('a server that is short of memory', () => {
  test('reads ahead less, refuses whoever is new with a time to come back, and then ends idle sessions', () => {
    const sessions = [new Idle(true), new Idle(false)];
    const { clock, shortage, events, steps, guard, account } = guarded({ memoryBytes: 1000 }, sessions);
    guard.admit();
    const readAhead = account.reading.share;
    account.hold(720, 0);
    clock.advanceBy(250);
    expect([account.reading.share, shortage.limits.text]).toEqual([readAhead / 8, 'the server is short of memory']);
    guard.admit();
    account.hold(150, 0);
    expect(() => guard.admit()).toThrow(
      expect.objectContaining({
        code: 'ERR_KWIK_CONNECTION_REFUSED',
        retryAfterMs: 2000,
        message: 'the server is overloaded (memory: 87 % of its budget is used); try again in 2 s',
      }),
    );
    clock.advanceBy(10_000);
    expect(() => guard.admit()).toThrow(expect.objectContaining({ retryAfterMs: 10_000 }));
    expect(sessions.map(({ ended }) => ended)).toEqual([undefined, undefined]);
    account.hold(100, 0);
    clock.advanceBy(2500);
    expect(sessions[0]!.ended).toMatch(/overloaded/u);
    expect(sessions[1]!.ended).toBeUndefined();
    expect(events.map(({ action, on, level }) => [action, on, level])).toEqual([
      ['lessReadAhead', true, 1],
      ['noCopies', true, 6],
      ['noProbing', true, 6],
      ['fewerPaths', true, 6],
      ['singlePath', true, 6],
      ['refuseSessions', true, 6],
      ['endIdleSessions', true, 7],
    ]);
    expect(steps[6]).toMatchObject({ step: 'degrade', reason: 'memory: 97 % of the budget is used' });
    expect(guard.stats).toMatchObject({ level: 7, steps: 7, refused: 2, idleEnded: 1 });
  });

  test('gives everything again by itself when it is over', () => {
    const { clock, shortage, steps, guard, account } = guarded({ memoryBytes: 1000 });
    const readAhead = account.reading.share;
    account.hold(2000, 0);
    clock.advanceBy(250);
    expect([guard.stats.level, shortage.limits.copies]).toEqual([7, false]);
    account.hold(-2000, 0);
    clock.advanceBy(15_000);
    guard.admit();
    expect([guard.stats.level, account.reading.share, shortage.limits.text]).toEqual([0, readAhead, undefined]);
    expect(shortage.limits.copies).toBe(true);
    expect(steps.map(({ step }) => step)).toEqual([...Array(7).fill('degrade'), ...Array(7).fill('restore')]);
  });

  test('sends nothing twice before it refuses anybody', () => {
    const { clock, shortage, guard, account } = guarded({ memoryBytes: 1000 });
    account.hold(720, 0);
    clock.advanceBy(250);
    expect(shortage.limits.copies).toBe(true);
    account.hold(20, 0);
    clock.advanceBy(250);
    expect(shortage.limits.copies).toBe(false);
    guard.admit();
    guard.end();
    expect(shortage.limits.copies).toBe(true);
  });

  test('lets sessions have fewer paths here, then one, before it refuses anybody, and says when more may come', () => {
    const { clock, shortage, guard, account } = guarded({ memoryBytes: 1000 });
    const seen: (number | boolean)[] = [];
    shortage.onChange(({ probing, paths }) => seen.push(probing, paths));
    for (const held of [770, 800, 830]) {
      account.hold(held - account.heldBytes, 0);
      clock.advanceBy(250);
    }
    expect(seen).toEqual([false, Infinity, false, 2, false, 1]);
    guard.admit();
    // Its session has a path elsewhere.
    expect(() => guard.admit('path')).toThrow(expect.objectContaining({ retryAfterMs: 2000 }));
    clock.advanceBy(10_000);
    expect(shortage.retryAfterMs()).toBeGreaterThan(10_000);
    account.hold(-account.heldBytes, 0);
    clock.advanceBy(2250);
    expect(shortage.limits.paths).toBe(2);
    clock.advanceBy(10_000);
    guard.admit('path');
    expect(shortage.limits).toMatchObject({ probing: true, paths: Infinity });
  });

  test('without options looks when somebody comes, and from then on until it is over', () => {
    const { clock, ledger, guard, account } = guarded();
    account.hold(0.9 * ledger.bounds.heldBytes, 0);
    clock.advanceBy(60_000);
    expect(guard.stats.level).toBe(0);
    expect(() => guard.admit()).toThrow();
    account.hold(-account.heldBytes, 0);
    clock.advanceBy(60_000);
    expect(guard.stats.level).toBe(0);
    // Nothing is left that would wake it.
    expect(clock.pendingTimers).toBe(0);
  });

  test('ends no session of short questions, which it never sees at work', () => {
    const [asking, silent] = [new Idle(true), new Idle(true)];
    const { clock, guard, account } = guarded({ memoryBytes: 1000 }, [asking, silent]);
    account.hold(1000, 0);
    for (let second = 0; second < 10; second++) {
      asking.activity += 100;
      clock.advanceBy(1000);
    }
    expect([asking.ended, silent.ended]).toEqual([undefined, expect.stringContaining('overloaded')]);
    clock.advanceBy(3000);
    expect(asking.ended).toMatch(/overloaded/u);
    expect(guard.stats.idleEnded).toBe(2);
  });

  test('ends many idle sessions over several looks, and none that was in use a moment ago', () => {
    const sessions = Array.from({ length: 100 }, () => new Idle(true));
    const { clock, guard, account } = guarded({ memoryBytes: 1000 }, sessions);
    account.hold(1000, 0);
    const ended = (): number => sessions.filter((session) => session.ended !== undefined).length;
    clock.advanceBy(2000);
    expect(ended()).toBe(0);
    clock.advanceBy(250);
    expect(ended()).toBe(32);
    // Clients that come meanwhile cost nobody a session.
    for (let client = 0; client < 10; client++) expect(() => guard.admit()).toThrow();
    expect(ended()).toBe(32);
    clock.advanceBy(250);
    expect(ended()).toBe(64);
    guard.end();
    clock.advanceBy(60_000);
    expect(ended()).toBe(64);
  });
});

test('a server that has most of the connections which it may have refuses more of them, until some have gone', () => {
  const { clock, connections, events, guard } = guarded();
  connections.open = 840;
  guard.admit();
  connections.open = 860;
  expect(() => guard.admit()).toThrow(/overloaded \(connections: 86 % of its budget is used\)/u);
  expect(events.at(-1)).toMatchObject({ resource: 'connections', reason: 'connections: 86 % of the budget is used' });
  connections.open = 500;
  clock.advanceBy(60_000);
  guard.admit();
  const small = guarded({ connections: 10 });
  small.connections.open = 9;
  expect(() => small.guard.admit()).toThrow(/connections: 90 % of its budget/u);
});

test('a server whose timers are late again and again lets nobody in, and one long pause is none', () => {
  let lateMs = 0;
  const { clock, events, guard } = guarded({ eventLoopDelayMs: 500 }, [], () => lateMs);
  clock.advanceBy(1000);
  lateMs = 5000;
  clock.advanceBy(500);
  lateMs = 0;
  clock.advanceBy(10_000);
  expect(guard.stats).toMatchObject({ level: 0, pressure: { memory: 0, eventLoop: 0, connections: 0 } });
  lateMs = 450;
  clock.advanceBy(5000);
  expect(() => guard.admit()).toThrow(/processor time: 90 % of its budget is used/u);
  expect(events[0]).toMatchObject({ resource: 'eventLoop', on: true });
  lateMs = 0;
  clock.advanceBy(10_000);
  guard.admit();
});

describe('a process that is short of memory', () => {
  /** Looked at as listeners do; `looks` counts how often. */
  function process(options: OverloadOptions | undefined, memory: Partial<ProcessMemory> = {}) {
    const seen = { memory: { ...HEALTHY, ...memory }, looks: 0 };
    const read = (): ProcessMemory => {
      seen.looks++;
      return seen.memory;
    };
    return { seen, ...guarded(options, [], () => 0, read) };
  }

  test.each([
    ['heap', { heapBytes: 950e6 }, 'the V8 heap is 95 % full'],
    ['resident', { residentBytes: 486e6 }, 'the process has 95 % of the 512 MB that its cgroup allows'],
  ] as const)('refuses new sessions because of its %s, says so, and lets them in again', (resource, memory, reason) => {
    const { clock, events, guard, seen, shortage } = process({}, memory);
    clock.advanceBy(250);
    expect(events.at(-1)).toMatchObject({ action: 'refuseSessions', on: true, resource, reason });
    expect(guard.stats.pressure[resource]).toBeCloseTo(0.9, 2);
    expect(shortage.limits.text).toBe('the server is short of memory');
    // How much memory the server has is nothing for whoever comes.
    expect(() => guard.admit()).toThrow(/overloaded \(memory: 90 % of its budget is used\)/u);
    seen.memory = HEALTHY;
    clock.advanceBy(15_000);
    guard.admit();
    expect(guard.stats).toMatchObject({ level: 0, pressure: { heap: 0, resident: 0 } });
  });

  test('is looked at with everything else: not for each client, and with no timer of its own', () => {
    const { clock, guard, seen } = process({});
    for (let client = 0; client < 100; client++) guard.admit();
    expect([seen.looks, clock.pendingTimers]).toEqual([0, 1]);
    clock.advanceBy(1000);
    expect([seen.looks, clock.pendingTimers]).toEqual([4, 1]);
    guard.end();
    clock.advanceBy(1000);
    expect(seen.looks).toBe(4);
  });

  test('is none while it has much garbage, or much of a cgroup without a limit', () => {
    const { clock, guard } = process({}, { heapBytes: 800e6, residentBytes: 8e9, residentLimitBytes: undefined });
    clock.advanceBy(10_000);
    expect(guard.stats.level).toBe(0);
  });

  test('is not looked at when that is switched off, nor without options', () => {
    for (const options of [{ process: false }, undefined]) {
      const { clock, guard, ledger, account, seen } = process(options, { heapBytes: 1e9, residentBytes: 512e6 });
      account.hold(0.9 * ledger.bounds.heldBytes, 0);
      expect(() => guard.admit()).toThrow();
      clock.advanceBy(1000);
      expect(seen.looks).toBe(0);
      expect(guard.stats.pressure).toMatchObject({ heap: 0, resident: 0 });
    }
  });
});
