import { expect, it } from '@jest/globals';
import { CounterRegistry } from '@kwik/wire';
import { pathReading, sessionReading } from '../test-support/sources.js';
import type { AlertChange } from './alert.js';
import { AlertWatch } from './alert-watch.js';

it('tells all its sinks, also when one of them throws, and again only when it is over', () => {
  const counters = new CounterRegistry();
  let state = 'active';
  counters.add({ kind: 'session', role: 'client', read: () => sessionReading({ paths: [pathReading({ state })] }) });
  const told: AlertChange['change'][] = [];
  const broken = (): never => {
    throw new Error('of the application');
  };
  let nowMs = 0;
  const watch = new AlertWatch({
    counters,
    sinks: [broken, ({ change }) => void told.push(change)],
    wallClockMs: () => nowMs,
  });
  const rounds = (count: number): void => {
    for (let round = 0; round < count; round++, nowMs += 1000) watch.round();
  };
  rounds(5);
  state = 'suspected';
  rounds(30);
  expect(told).toEqual(['raised']);
  expect(watch.alerts[0]!.title).toBe('server north does not answer');
  state = 'active';
  rounds(30);
  expect(told).toEqual(['raised', 'resolved']);
  watch[Symbol.dispose]();
});
