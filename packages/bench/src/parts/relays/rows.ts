import { median, percentile } from '../../harness/stats.js';
import type { Row } from '../../part.js';
import type { Measured, Strike } from './measure.js';
import { EVERY_MS, limitMs, type Setting } from './settings.js';

const HIGH = 99;
const SILENT = 'a relay falls silent, gap p99';
const DRAINED = 'a relay is drained, gap p99';

export function rowNames({ load, rttMs }: Setting): string[] {
  return [SILENT, DRAINED].map((what) => `${load.words}, ${rttMs} ms: ${what}`);
}

export function rowsOf({ setting, silent, drained }: Measured): Row[] {
  const [silentName = '', drainedName = ''] = rowNames(setting);
  const undisturbedMs = percentile(
    [...silent, ...drained].map(({ quietMs }) => quietMs),
    HIGH,
  );
  const { rttMs } = setting;
  return [
    row(silentName, silent, { name: '3 RTT + 50 ms', value: limitMs(rttMs) }),
    // No more than without it; the clock of a message may be late by one.
    row(drainedName, drained, { name: 'undisturbed + 10 ms', value: undisturbedMs + EVERY_MS }),
  ];
}

function row(name: string, strikes: readonly Strike[], reference: NonNullable<Row['reference']>): Row {
  const gaps = strikes.map(({ gapMs }) => gapMs);
  const value = percentile(gaps, HIGH);
  const p50 = Math.round(median(gaps));
  return {
    name,
    value,
    unit: 'ms',
    reference,
    ratio: value / reference.value,
    target: { of: 'ratio', atMost: 1 },
    lessIsBetter: true,
    note: `p50 ${p50} ms, most ${Math.round(Math.max(...gaps))} ms, ${gaps.length} times`,
  };
}
