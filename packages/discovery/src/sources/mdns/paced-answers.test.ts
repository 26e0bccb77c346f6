import { describe, expect, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import { PacedAnswers } from './paced-answers.js';

function setUp() {
  const clock = new VirtualClock();
  const sentMs: number[] = [];
  const answers = new PacedAnswers(clock, () => sentMs.push(clock.now()));
  return { clock, sentMs, answers };
}

describe('answers by multicast', () => {
  test('are one a second, however often somebody asks, and the last who asks has one', () => {
    const { clock, sentMs, answers } = setUp();
    for (let asked = 0; asked < 450; asked++) {
      answers.ask();
      clock.advanceBy(10);
    }
    clock.advanceBy(60_000);
    expect(sentMs).toEqual([0, 1000, 2000, 3000, 4000, 5000]);
    answers.ask();
    expect(sentMs.at(-1)).toBe(clock.now());
  });

  test('come within a quarter of a second for one who probes, and no oftener', () => {
    const { clock, sentMs, answers } = setUp();
    answers.ask();
    clock.advanceBy(100);
    answers.ask();
    answers.ask('probe');
    answers.ask('probe');
    clock.advanceBy(200);
    for (let asked = 0; asked < 100; asked++) answers.ask('probe');
    expect(sentMs).toEqual([0, 250]);
    clock.advanceBy(10_000);
    expect(sentMs).toEqual([0, 250, 500]);
  });

  test('are none after the end', () => {
    const { clock, sentMs, answers } = setUp();
    answers.ask();
    answers.ask();
    answers.end();
    answers.ask('probe');
    clock.advanceBy(10_000);
    expect(sentMs).toEqual([0]);
    expect(clock.pendingTimers).toBe(0);
  });
});
