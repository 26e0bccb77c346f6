import { describe, expect, test } from '@jest/globals';
import { systemClock } from './process-resources.js';

const immediate = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function keepBusy(ms: number): void {
  const start = performance.now();
  while (performance.now() - start < ms);
}

/** Resolves when all timers of `delaysMs` have been called; `work` is what each does. */
async function runTimers(delaysMs: readonly number[], work: (index: number) => void): Promise<void> {
  const clock = systemClock();
  let left = delaysMs.length;
  // Timers of the clock keep no process alive.
  const alive = setInterval(() => undefined, 1000);
  await new Promise<void>((resolve) => {
    delaysMs.forEach((delayMs, index) => {
      clock.schedule(delayMs, () => {
        work(index);
        if (--left === 0) resolve();
      });
    });
  });
  clearInterval(alive);
}

describe('systemClock', () => {
  test('timers that are due together and take long leave turns of the loop to others, and keep their order', async () => {
    const events: string[] = [];
    await runTimers([1, 1, 1, 1, 1], (index) => {
      events.push(String(index));
      setImmediate(() => events.push('other'));
      keepBusy(2);
    });
    const others = events.indexOf('other');
    expect(events.filter((event) => event !== 'other')).toEqual(['0', '1', '2', '3', '4']);
    expect(others).toBeGreaterThan(0);
    expect(others).toBeLessThan(events.lastIndexOf('4'));
  });

  test('a timer that waits for its turn can still be cancelled', async () => {
    const clock = systemClock();
    const called: number[] = [];
    const handles = [0, 1, 2].map((index) =>
      clock.schedule(1, () => {
        called.push(index);
        keepBusy(2);
        // The first took all the time that there was: the third waits behind this one.
        if (index === 1) handles[2]!.cancel();
      }),
    );
    await runTimers([30], () => undefined);
    await immediate();
    expect(called).toEqual([0, 1]);
  });

  test('never calls back at once', () => {
    let called = false;
    systemClock()
      .schedule(0, () => (called = true))
      .cancel();
    expect(called).toBe(false);
  });
});
