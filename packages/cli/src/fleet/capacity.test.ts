import { expect, test } from '@jest/globals';
import { capacityOf } from './capacity.js';

const one = (server: string, load: number | null, more: { weight?: number; accepting?: boolean } = {}) => ({
  server,
  load,
  weight: 1,
  accepting: true,
  ...more,
});

test('those that carry least could go, one after the other, as long as the others stay below the target', () => {
  const servers = [one('a', 0.4), one('b', 0.1), one('c', 0.3), one('d', 0.2)];
  // Of 1.0 in all, two servers carry a half each.
  expect(capacityOf(servers, { target: 0.7, keep: 1 })).toEqual({
    offered: 4,
    carried: 1,
    used: 0.25,
    couldGo: ['b', 'd'],
    missing: 0,
    unknown: [],
  });
  expect(capacityOf(servers, { target: 0.7, keep: 3 }).couldGo).toEqual(['b']);
  expect(capacityOf(servers, { target: 1, keep: 1 }).couldGo).toEqual(['b', 'd', 'c']);
});

test('what drains offers nothing, and what it carries comes to the others', () => {
  const servers = [one('a', 0.5), one('b', 0.5, { accepting: false }), one('gone', null, { accepting: false })];
  expect(capacityOf(servers, { target: 0.5, keep: 1 })).toMatchObject({ offered: 1, carried: 1, used: 1, missing: 1 });
});

test('weights count, and an unknown load is a full server', () => {
  const servers = [one('small', 0.5), one('large', 0.5, { weight: 3 }), one('mute', null)];
  expect(capacityOf(servers, { target: 0.8, keep: 1 })).toMatchObject({
    offered: 5,
    carried: 3,
    couldGo: ['small'],
    unknown: ['mute'],
  });
});

test('without a server that takes clients nothing is offered', () => {
  expect(capacityOf([], { target: 0.7, keep: 1 })).toMatchObject({ offered: 0, used: null, missing: 0, couldGo: [] });
  expect(capacityOf([one('a', 0.4, { accepting: false })], { target: 0.5, keep: 1 })).toMatchObject({ missing: 1 });
});
