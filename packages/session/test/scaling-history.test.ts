import { setImmediate } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { listen } from '@kwik/session';
import { VirtualClock } from '@kwik/testbed';

/** On a clock that goes as fast as it can. */
async function settle<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let settled = false;
  void promise.finally(() => (settled = true)).catch(() => undefined);
  while (!settled) {
    clock.advanceBy(100);
    await setImmediate();
  }
  return promise;
}

test('a listener whose history of demand never comes begins without it, and says so', async () => {
  const clock = new VirtualClock();
  const load = () => new Promise(() => undefined);
  const save = (): never => {
    throw new Error('it would replace what is there');
  };
  const listener = await settle(clock, listen({ runtime: { clock }, scaling: { history: { load, save } } }));
  expect(clock.now()).toBeGreaterThanOrEqual(10_000);
  expect(listener.stats().callbackErrors).toEqual({ 'scaling.history': 1 });
  await settle(clock, listener.close());
  expect(listener.stats().callbackErrors).toEqual({ 'scaling.history': 1 });
});
