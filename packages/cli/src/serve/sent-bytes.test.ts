import { expect, test } from '@jest/globals';
import { SentBytes } from './sent-bytes.js';

test('what connections have sent that are gone is counted once, and what came after it, too', () => {
  const sent = new SentBytes('primary');
  const path = { id: 1, primary: true, state: 'active', sentBytes: 0 } as const;
  const other = { id: 0, primary: true, state: 'active', sentBytes: 500 } as const;
  sent.heard(path);
  expect(sent.total([other, { ...path, sentBytes: 70 }])).toBe(570);
  const dead = { ...path, state: 'dead', sentBytes: 70 } as const;
  sent.heard(dead);
  // Its connection is tried again in vain, and told to be dead once more.
  sent.heard({ ...dead, state: 'recovering' });
  sent.heard(dead);
  expect(sent.total([other, { ...dead, state: 'recovering' }])).toBe(570);
  sent.heard(path);
  // The end of the session, of which paths do not tell.
  expect(sent.total([other, { ...path, state: 'dead', sentBytes: 8 }])).toBe(578);
});

test('of a primary what other servers have sent is not counted, and of those all that they have', () => {
  const paths = [
    { id: 0, primary: true, state: 'active', sentBytes: 5 },
    { id: 1, primary: false, state: 'active', sentBytes: 1000 },
  ] as const;
  const dead = { ...paths[1], state: 'dead' } as const;
  const [primary, secondary] = [new SentBytes('primary'), new SentBytes('secondary')];
  primary.heard(dead);
  expect([primary.total(paths), primary.total([paths[0], dead])]).toEqual([5, 5]);
  secondary.heard(dead);
  expect([secondary.total([dead]), secondary.total([])]).toEqual([1000, 1000]);
});
