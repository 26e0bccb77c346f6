import { expect, test } from '@jest/globals';
import { createScheduler, DEFAULT_SCHEDULER, SCHEDULER_NAMES } from './registry.js';

test('every scheduler is found by its name, each time with a state of its own', () => {
  for (const name of SCHEDULER_NAMES) {
    expect(createScheduler(name).name).toBe(name);
    expect(createScheduler(name)).not.toBe(createScheduler(name));
  }
  expect(createScheduler().name).toBe(DEFAULT_SCHEDULER);
});

test('an unknown name is refused with a list of the known ones', () => {
  for (const name of ['fastest', '__proto__', 'constructor', '']) {
    expect(() => createScheduler(name)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }));
  }
  expect(() => createScheduler('fastest')).toThrow(/"fastest".*adaptive/);
});
