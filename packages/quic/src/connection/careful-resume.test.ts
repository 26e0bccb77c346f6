import { describe, expect, test } from '@jest/globals';
import { CarefulResume } from './careful-resume.js';

const FIRST = 44_160;
const PIPE = 250_000;
/** What the backend has from the beginning. */
const CWND = 160_000;

function resume(pipeBytes = PIPE): { start: CarefulResume; retreats: () => number } {
  let retreats = 0;
  const path = { pipeBytes, rttMs: 40, onRetreat: () => void (retreats += 1) };
  return { start: new CarefulResume(FIRST, path), retreats: () => retreats };
}

const at = (deliveredBytes: number, lostBytes = 0, cwndBytes = CWND, rttMs = 40) => ({
  cwndBytes,
  rttMs,
  deliveredBytes,
  lostBytes,
});

describe('a connection that knows its path', () => {
  test('begins as any, however large the window of the backend, and grows by what arrives', () => {
    const { start } = resume();
    expect(start.window(at(0))).toBe(FIRST);
    expect(start.window(at(10_000))).toBe(FIRST + 10_000);
    // Time alone does nothing: only what arrives shows that the path carries anything.
    expect(start.window(at(10_000))).toBe(FIRST + 10_000);
  });

  test('jumps once an ordinary first window has arrived, to what the path carried and no further', () => {
    const { start } = resume();
    start.window(at(FIRST - 1));
    expect(start.window(at(FIRST))).toBe(CWND);
    expect(start.window(at(2 * FIRST, 0, 500_000))).toBe(PIPE);
  });

  test('has the window of the backend when as much as the jump has arrived', () => {
    const { start, retreats } = resume();
    start.window(at(FIRST));
    expect(start.window(at(FIRST + PIPE - 1, 0, 600_000))).toBe(PIPE);
    expect(start.window(at(FIRST + PIPE, 0, 600_000))).toBe(600_000);
    // From then on losses are a matter of congestion control.
    expect(start.window(at(FIRST + 2 * PIPE, 5_000, 600_000))).toBe(600_000);
    expect(retreats()).toBe(0);
  });

  test('retreats from a loss after the jump to half of what got through, and grows by half a window a round trip', () => {
    const { start, retreats } = resume();
    start.window(at(FIRST));
    expect(start.window(at(FIRST + 120_000, 1_350))).toBe(60_000);
    expect(start.window(at(FIRST + 120_000 + 60_000, 2_700))).toBe(90_000);
    expect(retreats()).toBe(1);
    expect(start.window(at(FIRST + 500_000, 2_700))).toBe(CWND);
    // And then it is over.
    expect(start.window(at(FIRST + 500_000, 9_000, 900_000))).toBe(900_000);
    expect(retreats()).toBe(1);
  });

  test('never retreats below an ordinary first window', () => {
    const { start } = resume();
    start.window(at(FIRST));
    expect(start.window(at(FIRST + 1_350, 40_000))).toBe(FIRST);
  });

  test('has nothing to do where an ordinary start has already come as far', () => {
    const { start, retreats } = resume(2 * FIRST);
    start.window(at(FIRST - 1));
    expect(start.window(at(FIRST))).toBe(2 * FIRST);
    expect(start.window(at(FIRST + 20_000))).toBe(2 * FIRST + 20_000);
    expect(start.window(at(2 * FIRST, 5_000))).toBe(3 * FIRST);
    expect(retreats()).toBe(0);
  });

  test.each([0, FIRST, FIRST + PIPE])('begins anew as any where the peer moves after %s bytes', (before) => {
    const { start, retreats } = resume();
    start.window(at(FIRST));
    start.window(at(before));
    start.leave();
    expect(start.window(at(before))).toBe(FIRST);
    expect(start.window(at(before + 10_000, 5_000))).toBe(FIRST + 10_000);
    expect(start.window(at(before + 2 * FIRST))).toBe(3 * FIRST);
    expect(start.window(at(before + 4 * FIRST))).toBe(CWND);
    expect(start.window(at(before + 4 * FIRST, 0, 900_000))).toBe(900_000);
    expect(retreats()).toBe(0);
  });

  test.each([
    ['something was lost before', at(FIRST, 1_350), 0],
    ['the RTT is less than half of what it was', at(FIRST, 0, CWND, 19), 0],
    ['the RTT is more than ten times what it was', at(FIRST, 0, CWND, 401), 0],
  ])('does not jump where %s', (_, progress, expected) => {
    const { start, retreats } = resume();
    start.window(progress);
    expect(start.window({ ...progress, deliveredBytes: FIRST + 20_000 })).toBe(2 * FIRST + 20_000);
    expect(start.window({ ...progress, deliveredBytes: 3 * FIRST })).toBe(CWND);
    expect(retreats()).toBe(expected);
  });
});
