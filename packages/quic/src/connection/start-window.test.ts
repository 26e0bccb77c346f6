import { describe, expect, test } from '@jest/globals';
import { windowUnitBytes } from '../backends/window-unit.js';
import { StartWindow } from './start-window.js';

const bbr = (datagramBytes: number) => ({ congestionControl: 'bbr', datagramBytes }) as const;

describe('the first window', () => {
  test.each([
    [1200, 36_000],
    [1350, 40_500],
    [1472, 44_160],
    [16_000, 160_000],
  ])('of datagrams of %i bytes, with BBR', (datagramBytes, windowBytes) => {
    expect(10 * windowUnitBytes(bbr(datagramBytes))).toBe(windowBytes);
  });

  test('with the other controllers ten datagrams', () => {
    expect(windowUnitBytes({ congestionControl: 'reno', datagramBytes: 1350 })).toBe(1350);
    expect(windowUnitBytes({ congestionControl: 'cubic', datagramBytes: 9000 })).toBe(9000);
  });

  test.each([1472, 9000, 16_000])('of a path that is known, whatever its datagrams: %i', (datagramBytes) => {
    expect(10 * windowUnitBytes({ ...bbr(datagramBytes), firstWindowBytes: 320_000 })).toBe(320_000);
    expect(windowUnitBytes({ ...bbr(datagramBytes), firstWindowBytes: 20_000 })).toBe(
      windowUnitBytes(bbr(datagramBytes)),
    );
  });

  test('pacing reckons with an ordinary one, which doubles each round trip, where datagrams may be long', () => {
    const start = new StartWindow(bbr(16_000));
    expect([0, 20, 40, 60].map((elapsedMs) => start.paced(160_000, elapsedMs, 20))).toEqual([
      44_160, 88_320, 160_000, 160_000,
    ]);
    expect(start.paced(20_000, 0, 20)).toBe(20_000);
  });

  test('and with that of the backend elsewhere', () => {
    expect(new StartWindow(bbr(1472)).paced(500_000, 0, 20)).toBe(500_000);
  });
});
