import { channel } from 'node:diagnostics_channel';
import { expect, it } from '@jest/globals';
import { CounterRegistry, DiagnosticPublisher, type ScalingStep } from '@kwik/wire';
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

it.each<[ScalingStep['step'], string[]]>([
  ['add', []],
  ['remove', []],
  ['degrade', ['server north does not answer']],
])('after scaling has said "%s" of a server, that it does not answer is told as %j', (step, told) => {
  const counters = new CounterRegistry();
  let state = 'active';
  counters.add({ kind: 'session', role: 'client', read: () => sessionReading({ paths: [pathReading({ state })] }) });
  using watch = new AlertWatch({ counters });
  for (let round = 0; round < 5; round++) watch.round();
  const figures = { decider: 'scaling', result: 'done', reason: 'the path is gone', figures: {} } as const;
  new DiagnosticPublisher(channel).publish('kwik:scaling:step', () => ({ step, server: 'north', ...figures }));
  state = 'suspected';
  for (let round = 0; round < 15; round++) watch.round();
  expect(watch.alerts.map(({ title }) => title)).toEqual(told);
});
