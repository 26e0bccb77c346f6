import { expect, test } from '@jest/globals';
import type { KcpBody } from '@kwik/kcp';
import { toPathId, type proto } from '@kwik/wire';
import type { ServerHealth } from '../api/paths.js';
import { ServerHealthReports } from './server-health.js';

const said = (sessions: number): proto.HealthReport => {
  return { serverId: 'whoever', loadPermille: 500, sessions, memoryBytes: 0n, accepting: true };
};

function setUp() {
  const told: unknown[] = [];
  const kept: ServerHealth[] = [];
  const time = { now: 1000 };
  const send = (body: KcpBody): void => void told.push(body.value);
  const primary = { id: toPathId(0), primary: true, serverId: 'one', address: '192.0.2.1:1' };
  const other = { id: toPathId(1), primary: false, serverId: 'two', address: '192.0.2.2:1' };
  const session = {
    clock: { now: () => time.now },
    controlPath: { send } as { send: typeof send } | undefined,
    paths: {
      get: (id: number) => [primary, other][id],
      serverSaid: (_id: number, health: ServerHealth) => void kept.push(health),
    },
    wake: () => undefined,
  };
  const reports = new ServerHealthReports(session as unknown as ConstructorParameters<typeof ServerHealthReports>[0]);
  const hear = (path: typeof other, report: proto.HealthReport): void => {
    reports.handlers.healthReport?.(path as never, report);
  };
  return { told, kept, time, session, primary, other, reports, hear, send };
}

test('the first word of a server waits until the primary must know the path', () => {
  const { told, time, other, reports, hear } = setUp();
  reports.onPathUp(other);
  hear(other, said(1));
  expect(reports.plan(time.now)).toBe(2000);
  expect(told).toEqual([]);
  expect(reports.plan(2000)).toBeUndefined();
  expect(told).toEqual([{ ...said(1), serverId: 'two' }]);
});

test('a primary that is back is told the last of each server again, and of none that is gone', () => {
  const { told, session, primary, other, reports, hear, send } = setUp();
  session.controlPath = undefined;
  hear(other, said(1));
  reports.plan(1000);
  session.controlPath = { send };
  reports.plan(1000);
  expect(told.splice(0)).toEqual([{ ...said(1), serverId: 'two' }]);
  reports.plan(5000);
  expect(told).toEqual([]);
  reports.onPathUp(primary);
  reports.plan(5000);
  expect(told.splice(0)).toEqual([{ ...said(1), serverId: 'two' }]);
  reports.onPathDead(other);
  reports.onPathUp(primary);
  reports.plan(9000);
  expect(told).toEqual([]);
});

test('what the primary says of itself is kept, and not told to it', () => {
  const { told, kept, primary, reports, hear } = setUp();
  hear(primary, said(3));
  reports.plan(1000);
  expect([told, kept]).toEqual([[], [{ load: 0.5, sessions: 3, accepting: true }]]);
});
