import { describe, expect, test } from '@jest/globals';
import { EndWatch, type Endable } from './end-watch.js';

const TIMEOUT_MS = 2000;

class HandClock {
  readonly timers = new Map<() => void, number>();

  now(): number {
    return 0;
  }

  schedule(delayMs: number, callback: () => void): { cancel(): void } {
    this.timers.set(callback, delayMs);
    return { cancel: () => void this.timers.delete(callback) };
  }
}

function setUp() {
  const clock = new HandClock();
  const watch = new EndWatch<Endable>(clock);
  const told: string[] = [];
  const wait = (name: string, connections: readonly Endable[]): void => {
    void watch.wait(connections, TIMEOUT_MS).then(() => told.push(name));
  };
  return { clock, watch, told, wait };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('EndWatch', () => {
  test('resolves when the last of those waited for has ended, for each who waits, and leaves no timer', async () => {
    const { clock, watch, told, wait } = setUp();
    const [one, other] = [{ ended: false }, { ended: false }];
    wait('both', [one, other]);
    wait('other', [other]);
    wait('ended before', [{ ended: true }]);
    await settled();
    expect(told).toEqual(['ended before']);
    watch.ended(other);
    await settled();
    expect(told).toEqual(['ended before', 'other']);
    watch.ended(one);
    await settled();
    expect([told.at(-1), clock.timers.size]).toEqual(['both', 0]);
  });

  test('waits no longer than it is told to', async () => {
    const { clock, watch, told, wait } = setUp();
    const one = { ended: false };
    wait('one', [one]);
    const [[timeout, delayMs] = []] = clock.timers;
    expect(delayMs).toBe(TIMEOUT_MS);
    timeout!();
    watch.ended(one);
    await settled();
    expect(told).toEqual(['one']);
  });
});
