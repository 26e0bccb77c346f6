import { expect, test } from '@jest/globals';
import { HealthPace } from './health-pace.js';

const said = (sessions: number) => ({ serverId: '', loadPermille: 0, sessions, memoryBytes: 0n, accepting: true });
const taken = (pace: HealthPace<string>, now: number): (string | number)[][] =>
  pace.due(now).map(([key, { sessions }]) => [key, sessions]);

test('what is told is taken at once, then the last of each second; each server by itself', () => {
  const pace = new HealthPace<string>();
  expect([taken(pace, 0), pace.dueAtMs]).toEqual([[], undefined]);
  pace.hear('one', said(1));
  expect(pace.dueAtMs).toBe(Number.NEGATIVE_INFINITY);
  expect(taken(pace, 0)).toEqual([['one', 1]]);
  for (const sessions of [2, 3, 4]) pace.hear('one', said(sessions));
  expect([taken(pace, 999), pace.dueAtMs]).toEqual([[], 1000]);
  pace.hear('another', said(5));
  expect(taken(pace, 999)).toEqual([['another', 5]]);
  expect([taken(pace, 1000), pace.dueAtMs]).toEqual([[['one', 4]], undefined]);
});

test('of one that is held nothing is taken for a second, and of one that is forgotten nothing is left', () => {
  const pace = new HealthPace<string>();
  pace.hold('one', 500);
  pace.hear('one', said(1));
  expect([taken(pace, 1499), pace.dueAtMs]).toEqual([[], 1500]);
  expect(taken(pace, 1500)).toEqual([['one', 1]]);
  pace.hear('one', said(2));
  pace.forget('one');
  expect([taken(pace, 5000), pace.dueAtMs]).toEqual([[], undefined]);
  pace.hear('one', said(3));
  expect(taken(pace, 5000)).toEqual([['one', 3]]);
});
