import { expect, test } from '@jest/globals';
import type { KcpBody } from '@kwik/kcp';
import { toPathId } from '@kwik/wire';
import { CapacityReports } from './capacity-reports.js';

test('a path that is gone is not kept: one with its number that comes later counts from nothing', () => {
  const used: bigint[] = [];
  const path = { id: toPathId(1), receivedBytes: 0 };
  const figures = () => ({ receivedBytes: path.receivedBytes, deliveryRateBytesPerSecond: 0 });
  const session = {
    controlPath: { send: ({ $case, value }: KcpBody) => $case === 'capacityReport' && used.push(value.usedBps) },
    paths: { values: () => [{ id: path.id, figures }] },
    wake: () => undefined,
  };
  const reports = new CapacityReports(session as never, { wantsMore: false });
  reports.handlers.capacityReport?.({ primary: true } as never, {} as never);
  path.receivedBytes = 5000;
  reports.plan(0);
  used.length = 0;
  reports.onPathDead(path);
  path.receivedBytes = 6000;
  reports.plan(1000);
  expect(used).toEqual([6000n]);
});
