import { BlockList } from 'node:net';
import { expect, test } from '@jest/globals';
import { isBlocked } from './block-list.js';

test('the zone of a link-local address makes it no other address', () => {
  const one = new BlockList();
  one.addAddress('fe80::1', 'ipv6');
  const all = new BlockList();
  all.addSubnet('fe80::', 10, 'ipv6');
  for (const list of [one, all]) {
    const blocked = ['fe80::1', 'fe80::1%lo', 'fe80::1%no-such-interface'].map((address) => isBlocked(list, address));
    expect(blocked).toEqual([true, true, true]);
    expect(isBlocked(list, '::1')).toBe(false);
  }
  expect([isBlocked(one, 'fe80::2%lo'), isBlocked(all, 'fe80::2%lo')]).toEqual([false, true]);
});
