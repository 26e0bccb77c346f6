import { expect, test } from '@jest/globals';
import { TransferMeter } from './transfer-meter.js';

test('counts over several files, with what was there before apart', () => {
  const meter = new TransferMeter(1000);
  const [a, b] = [{}, {}];
  meter.begin(a, 1000, 400);
  meter.begin(b, 500, 0);
  meter.arrived(a, 100, 1100);
  meter.arrived(b, 50, 1350);
  meter.arrived(b, 50, 1400);
  expect(meter.state(2000)).toMatchObject({
    ...{ receivedBytes: 200, doneBytes: 600, totalBytes: 1500, elapsedMs: 1000, contentMs: 300, maxGapMs: 250 },
  });
});

test('a file that begins anew replaces its first attempt', () => {
  const meter = new TransferMeter(0);
  const file = {};
  meter.begin(file, 1000, 0);
  meter.arrived(file, 300, 10);
  meter.begin(file, 1000, 250);
  expect(meter.state(20)).toMatchObject({ doneBytes: 250, totalBytes: 1000, receivedBytes: 300 });
});

test('says how long it will take once it knows a rate', () => {
  const meter = new TransferMeter(0);
  meter.begin(meter, 4000, 0);
  expect(meter.state(0).remainingMs).toBeUndefined();
  meter.arrived(meter, 1000, 500);
  expect(meter.state(1000)).toMatchObject({ rate: 1000, remainingMs: 3000 });
});
