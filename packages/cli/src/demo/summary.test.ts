import { expect, test } from '@jest/globals';
import type { TransferState } from '../progress/transfer-meter.js';
import { planDemo } from './plan.js';
import { demoResult, describeOutcome, isWhole, speedup, type DemoOutcome } from './summary.js';

/** Connecting takes 100 ms of the whole time. */
function transfer(receivedBytes: number, contentMs: number, maxGapMs = 40): TransferState {
  const elapsedMs = contentMs + 100;
  return {
    receivedBytes,
    elapsedMs,
    contentMs,
    maxGapMs,
    doneBytes: receivedBytes,
    totalBytes: receivedBytes,
    rate: 0,
  };
}

const outcome: DemoOutcome = {
  plan: planDemo({ bytes: 30e6, rates: [20, 10], seed: 1, kill: true, json: false }),
  best: 0,
  alone: transfer(7_500_000, 3000),
  together: transfer(30e6, 8000, 212.34),
  servers: [
    {
      ...{ index: 0, server: '127.0.0.1:1', primary: true, bytes: 24e6, share: 0.8, rate: 0, rttMs: 20 },
      ...{ lostPackets: 3, state: 'active' },
    },
    {
      ...{ index: 1, server: '127.0.0.1:2', primary: false, bytes: 6e6, share: 0.2, rate: 0, rttMs: 20.1234 },
      ...{ lostPackets: 0, state: 'dead', reason: 'nothing was heard' },
    },
  ],
  expectedSha256: 'aa',
  sha256: 'aa',
  killedAtMs: 4100,
};

test('the speed is against the best server alone, connecting left out', () => {
  expect(speedup(outcome)).toBeCloseTo(1.5, 5);
});

test('in words', () => {
  expect(describeOutcome(outcome, '+ ', '! ')).toEqual([
    '+ the file is whole: SHA-256 aa',
    '',
    'together           30.0 Mbit/s  (30.0 MB in 8.0 s)',
    'best server alone  20.0 Mbit/s  (server 1 (20 Mbit/s))',
    'speed              1.50 times the best server alone',
    'longest gap        212 ms in the byte stream; server 2 was killed at 4.1 s',
    'shares',
    '  server 1 (20 Mbit/s)      80 %',
    '  server 2 (10 Mbit/s)      20 %  killed',
  ]);
});

test('as JSON', () => {
  expect(demoResult(outcome)).toMatchObject({
    ...{ bytes: 30e6, seconds: 8.1, goodputMbps: 29.63, sha256: 'aa', maxGapMs: 212.3, whole: true, speedup: 1.5 },
    ...{ bestAlone: { server: 'server 1 (20 Mbit/s)', goodputMbps: 20 }, killedAtSeconds: 4.1 },
    paths: [
      { server: '127.0.0.1:1', bytes: 24e6, share: 0.8, rttMs: 20, lostPackets: 3, state: 'active' },
      { server: '127.0.0.1:2', rttMs: 20.123, state: 'dead', reason: 'nothing was heard' },
    ],
  });
});

test('a file that differs is not whole', () => {
  const differs = { ...outcome, sha256: 'bb', killedAtMs: undefined };
  expect(isWhole(differs)).toBe(false);
  expect(describeOutcome(differs, '+ ', '! ')[0]).toBe('! the file differs: SHA-256 bb, it should be aa');
  expect(demoResult(differs)).toMatchObject({ whole: false, killedAtSeconds: null });
});
