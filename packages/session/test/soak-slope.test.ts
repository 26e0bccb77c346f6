import { describe, expect, test } from '@jest/globals';
import { SeededRandom } from '@kwik/testbed';
import { slopePerHour, type Sample } from '../bench/slope.js';

/** A look every ten seconds for an hour, the first minutes of which are warming up; `value` of the hour and of chance, 0 to 1. */
function hour(value: (hours: number, chance: number) => number): Sample[] {
  const random = new SeededRandom(7);
  return Array.from({ length: 360 }, (_, index) => {
    const hours = index / 360;
    const warming = Math.min(0, hours - 0.1) * 800;
    return { hours, value: 120 + warming + value(hours, random.float()) };
  });
}

describe('the slope of a soak', () => {
  test('is none where memory goes up and down, bursts, and takes one step', () => {
    const still = [
      hour((_, chance) => 30 * chance),
      // Collected every three minutes.
      hour((hours) => 40 * ((hours * 20) % 1)),
      hour((_, chance) => (chance > 0.95 ? 200 : 0)),
      hour((hours) => (hours > 0.25 ? 15 : 0)),
    ];
    for (const samples of still) expect(Math.abs(slopePerHour(samples)!)).toBeLessThan(3);
  });

  test('is found in the noise, whatever the garbage does', () => {
    const leaks = [
      hour((hours, chance) => 12 * hours + 30 * chance),
      hour((hours) => 12 * hours + 40 * ((hours * 20) % 1)),
      hour((hours, chance) => 12 * hours + (chance > 0.95 ? 200 : 0)),
    ];
    for (const samples of leaks) {
      const slope = slopePerHour(samples)!;
      expect(slope).toBeGreaterThan(8);
      expect(slope).toBeLessThan(16);
    }
  });

  test('of one handle in some minutes is seen, and a number that stays has none', () => {
    expect(slopePerHour(hour((hours) => Math.floor(hours * 10)))).toBeGreaterThan(8);
    expect(slopePerHour(Array.from({ length: 100 }, (_, index) => ({ hours: index, value: 22 })))).toBe(0);
  });

  test('of a few looks is not known, and of very many is found as well', () => {
    expect(slopePerHour([{ hours: 0, value: 1 }])).toBeUndefined();
    const day = Array.from({ length: 8640 }, (_, index) => ({ hours: index / 360, value: 100 + index / 360 }));
    expect(slopePerHour(day)).toBeCloseTo(1, 6);
  });
});
