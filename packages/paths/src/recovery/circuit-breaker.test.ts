import { describe, expect, test } from '@jest/globals';
import { CircuitBreaker, SERVER_BREAKER } from './circuit-breaker.js';

const justBelowOne = (): number => 1 - 1e-9;

function breakerThatOpened(): CircuitBreaker {
  const breaker = new CircuitBreaker(justBelowOne);
  for (let failure = 0; failure < SERVER_BREAKER.failuresInRow; failure++) breaker.unreachable(0, breaker.begin(0));
  expect(breaker.state).toBe('open');
  return breaker;
}

/** Dials while it may, at this time; returns what their outcomes are told with. */
function dialAll(breaker: CircuitBreaker, now: number, wanted = 1000): number[] {
  const epochs: number[] = [];
  while (epochs.length < wanted && breaker.waitUntilMs(now) === undefined) epochs.push(breaker.begin(now));
  return epochs;
}

describe('a circuit breaker', () => {
  test('holds nobody up while dials reach the server, however many are under way', () => {
    const breaker = new CircuitBreaker(justBelowOne);
    expect(dialAll(breaker, 0)).toHaveLength(1000);
    expect(breaker.spotless).toBe(true);
  });

  test('opens after failures in a row, and a success in between begins anew', () => {
    const breaker = new CircuitBreaker(justBelowOne);
    for (let round = 0; round < 3; round++) {
      for (let failure = 1; failure < SERVER_BREAKER.failuresInRow; failure++) {
        expect(breaker.unreachable(0, breaker.begin(0))).toBe(false);
      }
      breaker.reached(0, breaker.begin(0));
    }
    expect(breaker.state).toBe('closed');
  });

  test('opens when half of many dials within seconds fail, and not for those of long ago', () => {
    const outcomes = (stepMs: number): string => {
      const breaker = new CircuitBreaker(justBelowOne);
      for (let dial = 0; dial < 40 && breaker.state === 'closed'; dial++) {
        const epoch = breaker.begin(dial * stepMs);
        if (dial % 2 === 0) breaker.reached(dial * stepMs, epoch);
        else breaker.unreachable(dial * stepMs, epoch);
      }
      return breaker.state;
    };
    expect(outcomes(10)).toBe('open');
    expect(outcomes(1000)).toBe('closed');
  });

  test('lets one at a time try when it was open for a while, longer after each that failed, a second at the most', () => {
    const breaker = breakerThatOpened();
    const waits: number[] = [];
    for (let now = 0; waits.length < 4; ) {
      const untilMs = breaker.waitUntilMs(now)!;
      waits.push(Math.round(untilMs - now));
      now = untilMs;
      const [trial, ...more] = dialAll(breaker, now);
      expect([more.length, breaker.state]).toEqual([0, 'half-open']);
      breaker.unreachable(now, trial!);
    }
    expect(waits).toEqual([500, 500, 1000, 1000]);
  });

  test('a trial without an outcome lets another one begin after a second', () => {
    const breaker = breakerThatOpened();
    expect(dialAll(breaker, 1000)).toHaveLength(1);
    expect(breaker.waitUntilMs(1000)).toBe(2000);
    expect(dialAll(breaker, 2000)).toHaveLength(1);
  });

  test('a trial that says nothing gives its place to another at once', () => {
    const breaker = breakerThatOpened();
    const [trial] = dialAll(breaker, 1000);
    breaker.unclear(trial!);
    expect(dialAll(breaker, 1000)).toHaveLength(1);
  });

  test('is closed by the first success, and those who waited come in growing numbers, not all at once', () => {
    const breaker = breakerThatOpened();
    const [trial] = dialAll(breaker, 1000);
    expect(breaker.reached(1001, trial!)).toBe(true);
    expect(breaker.state).toBe('closed');
    const together: number[] = [];
    let left = 1000;
    for (let now = 1001; left > 0; now++) {
      const epochs = dialAll(breaker, now, left);
      together.push(epochs.length);
      left -= epochs.length;
      for (const epoch of epochs) breaker.reached(now, epoch);
    }
    expect(together[0]).toBe(2);
    expect(together.length).toBeLessThanOrEqual(10);
  });

  test('dials that began before it opened neither open it again nor count against the server that is back', () => {
    const breaker = new CircuitBreaker(justBelowOne);
    const early = dialAll(breaker, 0, 100);
    for (const epoch of early.slice(0, 10)) breaker.unreachable(10, epoch);
    const [trial] = dialAll(breaker, 1000);
    breaker.reached(1000, trial!);
    for (const epoch of early.slice(10)) expect(breaker.unreachable(1001, epoch)).toBe(false);
    expect(breaker.state).toBe('closed');
  });
});
