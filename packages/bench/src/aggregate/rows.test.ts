import { describe, expect, test } from '@jest/globals';
import { PAYLOAD_SHARE } from '../links/allowance.js';
import { judge } from '../report/verdict.js';
import type { Environment, Goal } from './environments.js';
import type { Measured, Transfer } from './measure.js';
import { benefitOf, medianBenefitRow, rowsOf } from './rows.js';

const LINKS: Environment['links'] = [
  { rateMbit: 10, delayMs: 1 },
  { rateMbit: 10, delayMs: 1 },
];

function transfer(mbit: number): Transfer {
  const result = {
    startMs: 0,
    endMs: 1000,
    bytes: mbit * 125_000,
    arrivals: [],
    samples: [],
    paths: [],
    cpuSeconds: 0,
  };
  return { mbit, result, byLink: [3, 1], linkOf: new Map(), queueDrops: [7, 0] };
}

function measured(goal: Goal, aloneMbit: readonly number[], together: number, more: Partial<Measured> = {}): Measured {
  return {
    environment: { name: 'it', links: LINKS, goal },
    aloneMbit,
    aloneInTimeMbit: aloneMbit,
    firstMbit: 7,
    together: transfer(together),
    ...more,
  };
}

describe('rows of an environment', () => {
  test('the sum is what the links allow', () => {
    const goal: Goal = { of: 'sum', atLeast: 0.95 };
    const [row] = rowsOf([measured(goal, [9, 9], 18.5), measured(goal, [9, 9], 18)]);
    expect(row!.reference!.value).toBeCloseTo(20 * PAYLOAD_SHARE, 10);
    expect(row!.value).toBe(18.25);
    expect(judge(row!)).toBe('met');
    expect(row!.note).toContain('shares 75:25 %, queue drops 7+0');
    expect(judge(rowsOf([measured(goal, [9, 9], 18)])[0]!)).toBe('missed');
  });

  test('a benefit is of the paths alone, round by round', () => {
    const goal: Goal = { of: 'benefit', atLeast: 0, inMedian: true };
    const rounds = [measured(goal, [10, 5], 12), measured(goal, [8, 5], 8), measured(goal, [8, 5], 4)];
    expect(benefitOf(rounds)).toBe(0);
    expect(judge(rowsOf(rounds)[0]!)).toBe('met');
    expect(rowsOf([measured(goal, [10, 8], 14, { aloneInTimeMbit: [10, 4] })])[0]).toMatchObject({
      ratio: 0.5,
      note: expect.stringContaining('benefit, 1.00 over the same time'),
    });
    expect(judge(rowsOf(rounds.slice(2))[0]!)).toBe('missed');
    expect(medianBenefitRow([rounds, rounds.slice(0, 1)])[0]!.value).toBeCloseTo(0.2, 10);
    expect(medianBenefitRow([[measured({ ...goal, inMedian: false }, [1, 1], 2)]])).toEqual([]);
  });

  test('beside a bad path the good one alone counts', () => {
    const [row] = rowsOf([measured({ of: 'good', atLeast: 0.97 }, [9, 0], 8.7)]);
    expect(row!.reference!.value).toBe(9);
    expect(judge(row!)).toBe('missed');
  });

  test('MPTCP stands beside, with a target where it is to be beaten', () => {
    const goal: Goal = { of: 'sum', atLeast: 0.92 };
    const plain = measured(goal, [9, 9], 18, { mptcpMbit: 18.1, oneServer: transfer(17) });
    expect(rowsOf([plain]).map((row) => judge(row))).toEqual(['met', 'missed', 'none', 'none']);
    const environment = { ...plain.environment, beatsMptcp: true };
    expect(rowsOf([{ ...plain, environment }]).map((row) => judge(row))).toEqual(['met', 'missed', 'missed', 'missed']);
  });
});
