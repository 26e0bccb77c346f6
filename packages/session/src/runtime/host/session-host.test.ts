import { expect, test } from '@jest/globals';
import { newHost } from './session-host.js';

test('a random source of the application that throws is told of, and whoever is refused hears of a time all the same', () => {
  const random = (): never => {
    throw new Error('of the application');
  };
  const { policy, callbacks } = newHost({ random });
  expect(policy.retryAfterMs('path', 0)).toBe(2000);
  expect(callbacks.errors).toEqual({ 'runtime.random': 1 });
});
