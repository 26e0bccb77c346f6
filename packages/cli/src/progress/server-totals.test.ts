import { expect, test } from '@jest/globals';
import { pathInfo } from '../test-support/paths.js';
import type { PathInfo } from '@kwik/session';
import { toPathId } from '@kwik/wire';
import { ServerTotals } from './server-totals.js';

function path(id: number, address: string, part: Partial<PathInfo> = {}): PathInfo {
  return {
    ...{ id: toPathId(id), address, primary: id === 0, state: 'active', rttMs: 10, deliveryRateBytesPerSecond: 0 },
    ...{ sentBytes: 0, receivedBytes: 0, duplicateBytes: 0, lostPackets: 0, ...part },
  };
}

test('adds up paths by server, and sessions after each other', () => {
  const totals = new ServerTotals();
  totals.sample([path(0, 'a:1', { receivedBytes: 100 }), path(1, 'b:1', { receivedBytes: 50, lostPackets: 2 })], 0);
  totals.sample(
    [
      path(0, 'a:1', { receivedBytes: 300 }),
      path(1, 'b:1', { receivedBytes: 60, lostPackets: 2, state: 'dead', reason: 'silent' }),
      path(2, 'b:1', { receivedBytes: 40, lostPackets: 1 }),
    ],
    1000,
  );
  expect(totals.list()).toMatchObject([
    { server: 'a:1', primary: true, bytes: 300, share: 0.75, rate: 200 },
    { server: 'b:1', bytes: 100, share: 0.25, lostPackets: 3, state: 'active' },
  ]);

  totals.endSession();
  totals.sample([path(0, 'b:1', { receivedBytes: 100 })], 2000);
  expect(totals.list()).toMatchObject([
    { server: 'a:1', bytes: 300, share: 0.6 },
    { server: 'b:1', bytes: 200, share: 0.4, primary: true },
  ]);
});

test('a server whose session another one took over is as dead as it is', () => {
  const totals = new ServerTotals();
  totals.sample([path(0, 'a:1', { receivedBytes: 100 }), path(1, 'c:1', { receivedBytes: 10 })], 0);
  totals.sample([path(0, 'b:1', { receivedBytes: 40 }), path(1, 'c:1', { receivedBytes: 10 })], 100);
  totals.sample([path(0, 'b:1', { receivedBytes: 50 }), path(1, 'c:1', { receivedBytes: 10 })], 200);
  expect(totals.list()).toMatchObject([
    { server: 'a:1', primary: false, bytes: 100, state: 'dead', reason: 'b:1 took the session over' },
    { server: 'c:1', bytes: 10, state: 'active' },
    { server: 'b:1', primary: true, bytes: 50, state: 'active' },
  ]);
});

test('a reason is passed on while it holds', () => {
  const totals = new ServerTotals();
  totals.sample([path(0, 'a:1', { state: 'dead', reason: 'sent wrong content' })], 0);
  expect(totals.list()[0]).toMatchObject({ state: 'dead', reason: 'sent wrong content', share: 0 });
  totals.sample([path(0, 'a:1')], 1);
  expect(totals.list()[0]).not.toHaveProperty('reason');
});

test('counters of a path that begin anew with a connection are added up, never taken back', () => {
  const totals = new ServerTotals();
  totals.sample([pathInfo('a:1', { receivedBytes: 1000, lostPackets: 3 })], 0);
  totals.sample([pathInfo('a:1', { receivedBytes: 0, lostPackets: 0, state: 'recovering' })], 100);
  totals.sample([pathInfo('a:1', { receivedBytes: 400, lostPackets: 1 })], 200);
  totals.sample(
    [pathInfo('a:1', { receivedBytes: -5, lostPackets: 1 }), pathInfo('b:2', { id: 1, receivedBytes: 600 })],
    300,
  );
  expect(totals.list()).toMatchObject([
    { server: 'a:1', bytes: 1400, lostPackets: 4, share: 0.7 },
    { server: 'b:2', bytes: 600, share: 0.3 },
  ]);
  expect(Math.min(...totals.list().map(({ rate }) => rate))).toBeGreaterThanOrEqual(0);
});
