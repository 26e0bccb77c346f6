import { expect, test } from '@jest/globals';

import { deterministicRandomBytes } from './random-bytes.js';

test('deterministicRandomBytes repeats itself for a seed, and differs from call to call', () => {
  const [one, two, other] = [deterministicRandomBytes(1), deterministicRandomBytes(1), deterministicRandomBytes(2)];
  const first = one(32);
  expect(first).toHaveLength(32);
  expect(two(32)).toEqual(first);
  expect(other(32)).not.toEqual(first);
  expect(one(32)).not.toEqual(first);
  expect(one(0)).toHaveLength(0);
});
