import { describe, expect, test } from '@jest/globals';
import { PhiAccrual } from './phi-accrual.js';

describe('phi accrual', () => {
  test('rises with silence, sooner where heartbeats came regularly', () => {
    const [regular, irregular] = [new PhiAccrual(1000), new PhiAccrual(1000)];
    for (let n = 0; n < 50; n++) regular.heartbeat(n * 1000);
    for (let n = 0, now = 0; n < 50; n++, now += n % 2 === 0 ? 300 : 1700) irregular.heartbeat(now);
    const last = 49_000;
    expect(regular.phi(last + 1000)).toBeLessThan(1);
    expect(regular.phi(last + 2000)).toBeGreaterThan(8);
    expect(irregular.phi(last + 2000)).toBeLessThan(8);
    expect(irregular.phi(last + 10_000)).toBeGreaterThan(8);
    expect(Number.isFinite(regular.phi(1e12))).toBe(true);
  });

  test('before the first heartbeat there is nothing to suspect, and few of them are judged mildly', () => {
    const phi = new PhiAccrual(5000);
    expect(phi.phi(1e9)).toBe(0);
    phi.heartbeat(0);
    expect(phi.phi(8000)).toBeLessThan(8);
    expect(phi.phi(20_000)).toBeGreaterThan(8);
  });

  test('what this process was late is not the server’s silence, nor part of its intervals', () => {
    const phi = new PhiAccrual(1000);
    for (let n = 0; n < 20; n++) phi.heartbeat(n * 1000);
    phi.pause(60_000);
    expect(phi.phi(80_000)).toBeLessThan(1);
    phi.heartbeat(80_000);
    expect(phi.phi(82_000)).toBeGreaterThan(8);
  });
});
