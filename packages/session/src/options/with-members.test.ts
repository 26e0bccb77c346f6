import { expect, test } from '@jest/globals';
import { systemClock } from '@kwik/quic';
import type { DialOptions } from '../api/options.js';
import { withMembers } from './with-members.js';

test('members of a group replace those of the same name, and leave the others', () => {
  const base: DialOptions = { trust: { ca: 'A', serverName: 'name' }, limits: { maxPaths: 2 } };
  expect(withMembers(base, { trust: { ca: 'B' }, writes: { routing: 'distributed' } })).toEqual({
    trust: { ca: 'B', serverName: 'name' },
    limits: { maxPaths: 2 },
    writes: { routing: 'distributed' },
  });
});

test('lists and objects of a class are replaced whole, and undefined replaces nothing', () => {
  const [one, other] = [systemClock(), new Date()];
  const merged = withMembers<object>(
    { list: [1, 2], clock: one, kept: 1 },
    { list: [3], clock: other, kept: undefined },
  );
  expect(merged).toEqual({ list: [3], clock: other, kept: 1 });
});
