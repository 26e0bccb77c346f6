import { KwikError } from '@kwik/wire';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { SinkWaits } from './sink-waits.js';
import { StallGuard } from './stall-guard.js';

beforeEach(() => {
  jest.useFakeTimers({ now: 0 });
});
afterEach(() => {
  jest.useRealTimers();
});

function guard(outer: AbortSignal = new AbortController().signal): StallGuard {
  return new StallGuard(1000, { now: () => Date.now(), outer });
}

test('aborts after a silence of the timeout, counted from the last sign of life', () => {
  const watched = guard();
  for (let turn = 0; turn < 10; turn++) {
    jest.advanceTimersByTime(900);
    watched.touch();
  }
  jest.advanceTimersByTime(999);
  expect(watched.signal.aborted).toBe(false);
  jest.advanceTimersByTime(2);
  expect(watched.signal.reason).toMatchObject({ code: 'ERR_KWIK_TIMEOUT', message: expect.stringMatching(/for 1 s/u) });
  expect(watched.explain(new Error('whatever'))).toBe(watched.signal.reason);
});

test('may be told to wait longer', () => {
  const watched = guard();
  watched.allow(5000);
  jest.advanceTimersByTime(4999);
  expect(watched.signal.aborted).toBe(false);
  jest.advanceTimersByTime(1);
  expect(watched.signal.aborted).toBe(true);
});

test('once ended it aborts no more, and leaves no timer', () => {
  const watched = guard();
  watched.end();
  jest.advanceTimersByTime(100_000);
  expect(watched.signal.aborted).toBe(false);
  expect(jest.getTimerCount()).toBe(0);
});

test('passes on why the outer signal aborted', () => {
  const outer = new AbortController();
  const watched = guard(outer.signal);
  const reason = new KwikError('ERR_KWIK_ABORTED', 'interrupted');
  const thrown = new Error('read failed');
  expect(watched.explain(thrown)).toBe(thrown);
  outer.abort(reason);
  expect(watched.explain(thrown)).toBe(reason);
  watched.end();
});

test('a slow disk or reader of our own is no silence of the server', async () => {
  const watched = guard();
  let done: () => void = () => undefined;
  const slow = watched.whileBusy(new Promise<void>((resolve) => (done = resolve)));
  jest.advanceTimersByTime(60_000);
  expect(watched.signal.aborted).toBe(false);
  done();
  await slow;
  jest.advanceTimersByTime(2001);
  expect(watched.signal.aborted).toBe(true);
});

test('whoever waits for work of our own hears of an interruption at once', async () => {
  const outer = new AbortController();
  const watched = guard(outer.signal);
  const never = watched.whileBusy(new Promise<void>(() => undefined));
  const reason = new KwikError('ERR_KWIK_ABORTED', 'interrupted');
  outer.abort(reason);
  await expect(never).rejects.toBe(reason);
  await expect(guard().whileBusy(Promise.reject(new Error('disk full')))).rejects.toThrow('disk full');
  watched.end();
});

test('while another download of the session holds it up, silence is no fault of the server', async () => {
  const waits = new SinkWaits(() => Date.now());
  const outer = new AbortController().signal;
  const [writing, waiting] = [0, 1].map(() => new StallGuard(1000, { now: () => Date.now(), outer, waits }));
  let written = (): void => undefined;
  const busy = writing!.whileBusy(new Promise<void>((resolve) => (written = resolve)));
  jest.advanceTimersByTime(60_000);
  written();
  await busy;
  jest.advanceTimersByTime(999);
  expect(waiting!.signal.aborted).toBe(false);
  jest.advanceTimersByTime(2);
  expect(waiting!.signal.aborted).toBe(true);
});
