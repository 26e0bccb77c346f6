import { expect, test } from '@jest/globals';
import type { AccessLimits } from '@kwik/wire';
import { holderOf } from './account-holder.js';

const holder = (address: string, identity?: string, allowed: AccessLimits = {}) => {
  const port = { transport: { remote: { address, port: 4433 } } } as Parameters<typeof holderOf>[0]['port'];
  return holderOf({ port, result: identity === undefined ? {} : { identity }, allowed });
};

test('sessions of one identity are those of one peer, wherever they come from; without one the address counts', () => {
  expect(holder('192.0.2.1', 'alice').peer).toBe(holder('192.0.2.2', 'alice').peer);
  expect(holder('192.0.2.1', 'alice').peer).not.toBe(holder('192.0.2.1').peer);
  expect(holder('2001:db8::1').peer).toBe(holder('2001:db8::2').peer);
  expect(holder('192.0.2.1').peer).not.toBe(holder('192.0.2.2').peer);
  // Whoever calls itself as an address looks is not that address.
  expect(holder('192.0.2.1', '192.0.2.2').peer).not.toBe(holder('192.0.2.2').peer);
});

test('the weight is what access control says, as far as it is one', () => {
  const weights = [{}, { weight: 7 }, { weight: 1e9 }, { weight: 0 }, { weight: Number.NaN }];
  expect(weights.map((allowed) => holder('192.0.2.1', 'alice', allowed).weight)).toEqual([1, 7, 1000, 1, 1]);
});
