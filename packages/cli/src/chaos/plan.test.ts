import { describe, expect, test } from '@jest/globals';
import { FAULTS } from './faults.js';
import { checkChaosOptions, planFaults, type ChaosOptions } from './plan.js';

const OPTIONS: ChaosOptions = {
  seconds: 60,
  seed: 1,
  bytes: 10_000_000,
  rates: [20, 20, 10],
  faults: [],
  primary: false,
  json: false,
};

describe('the options of chaos', () => {
  test('no fault named: all of them', () => {
    expect(checkChaosOptions(OPTIONS)).toEqual(FAULTS);
    expect(checkChaosOptions({ ...OPTIONS, faults: ['kill', 'lie'] })).toEqual(['kill', 'lie']);
  });

  test.each([
    [{ rates: [20] }, /--rates takes 2 to 8/u],
    [{ rates: [20, 0] }, /--rates: 0 is not above 0/u],
    [{ seconds: 0 }, /--seconds takes 1 to/u],
    [{ bytes: 10 }, /--bytes takes 1MB to 1GB/u],
    [{ faults: ['kill', 'bogus'] }, /no fault 'bogus'; there are kill,stop/u],
  ])('%j is refused', (change, message) => {
    expect(() => checkChaosOptions({ ...OPTIONS, ...change })).toThrow(message);
  });
});

describe('the faults of a seed', () => {
  test('are the same each time, in the order of their beginning, and others for another seed', () => {
    const planned = planFaults(OPTIONS, FAULTS);
    expect(planFaults(OPTIONS, FAULTS)).toEqual(planned);
    expect(planFaults({ ...OPTIONS, seed: 2 }, FAULTS)).not.toEqual(planned);
    expect(planned.map(({ atMs }) => atMs)).toEqual(planned.map(({ atMs }) => atMs).sort((a, b) => a - b));
    expect(planned.length).toBeGreaterThan(20);
  });

  test('leave the primary alone without --primary, and never make it lie', () => {
    expect(planFaults(OPTIONS, FAULTS).some(({ server }) => server === 0)).toBe(false);
    const own = planFaults({ ...OPTIONS, seconds: 3600, primary: true }, FAULTS).filter(({ server }) => server === 0);
    expect(new Set(own.map(({ fault }) => fault))).toEqual(
      new Set(FAULTS.filter((name) => name !== 'lie' && name !== 'truncate')),
    );
  });

  test('of one server do not overlap', () => {
    const own = planFaults({ ...OPTIONS, seconds: 600 }, FAULTS).filter(({ server }) => server === 1);
    own.reduce((endMs, { atMs, durationMs }) => {
      expect(atMs).toBeGreaterThan(endMs);
      return atMs + durationMs;
    }, 0);
  });
});
