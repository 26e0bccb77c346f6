import { describe, expect, test } from '@jest/globals';
import { allowedMbit, PAYLOAD_SHARE } from './allowance.js';

describe('what links allow', () => {
  test('35 Mbit/s of links carry 33.6 of payload', () => {
    expect(allowedMbit([{ rateMbit: 20 }, { rateMbit: 10 }, { rateMbit: 5 }])).toBeCloseTo(33.6, 2);
    expect(PAYLOAD_SHARE).toBeCloseTo(0.96, 3);
  });

  test('what is lost was sent for nothing', () => {
    expect(allowedMbit([{ rateMbit: 10, lossRate: 0.5 }, { rateMbit: 10 }])).toBeCloseTo(15 * PAYLOAD_SHARE, 10);
  });
});
