import { expect, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import { KwikError } from '@kwik/wire';
import { raceAttempts } from './attempt-race.js';

test('waits are those that the race names, and its verdict ends it', async () => {
  const clock = new VirtualClock();
  const started: string[] = [];
  let aborted = 0;
  const race = raceAttempts<string, string>({
    candidates: ['a', 'b', 'c'],
    clock,
    delayMs: (count) => 100 * count,
    attempt: (name, signal) =>
      new Promise((_, reject) => {
        started.push(`${name}@${clock.now()}`);
        signal.addEventListener('abort', () => (aborted += 1));
        if (name === 'c') clock.schedule(50, () => reject(new KwikError('ERR_KWIK_CERTIFICATE')));
      }),
    discard: () => undefined,
    verdict: (error, failures) => new KwikError(error.code, `${failures.size} failed`),
  });
  const outcome = expect(race).rejects.toMatchObject({ code: 'ERR_KWIK_CERTIFICATE', message: '1 failed' });
  await clock.advanceToAsync(1000);
  await outcome;
  expect(started).toEqual(['a@0', 'b@100', 'c@300']);
  expect(aborted).toBe(3);
  expect(clock.pendingTimers).toBe(0);
});
