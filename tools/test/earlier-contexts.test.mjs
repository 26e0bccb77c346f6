import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, test } from '@jest/globals';
import { endEarlierContexts } from '../jest/earlier-contexts.mjs';

/** How many storages Node writes into a promise. */
const carried = () =>
  Object.getOwnPropertySymbols(Promise.resolve()).filter((key) => key.description === 'kResourceStore').length;

test('storages that earlier test files used cost promises of this one nothing, and can be used again', () => {
  const first = new AsyncLocalStorage();
  const storages = [first, ...Array.from({ length: 50 }, () => new AsyncLocalStorage())];
  // From Node 24 on they are not written into promises at all.
  for (const storage of storages) expect(storage.run('value', () => storage.getStore())).toBe('value');
  first.run('value', () => {
    endEarlierContexts();
    expect(storages.map((storage) => storage.getStore())).toEqual(storages.map(() => undefined));
    expect(carried()).toBe(0);
  });
  expect(first.run('again', () => first.getStore())).toBe('again');
  first.disable();
});

test('a promise carries the context of this test file at the most', () => {
  expect(carried()).toBeLessThanOrEqual(1);
});
