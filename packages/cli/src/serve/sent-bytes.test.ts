import { expect, test } from '@jest/globals';
import { SentBytes } from './sent-bytes.js';

test('what connections have sent that are gone is counted once, and what came after it, too', () => {
  const sent = new SentBytes();
  const path = { id: 1, state: 'active', sentBytes: 0 } as const;
  const other = { id: 0, state: 'active', sentBytes: 500 } as const;
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
