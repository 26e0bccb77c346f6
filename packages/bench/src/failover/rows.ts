import { median, percentile } from '../harness/stats.js';
import type { Row } from '../part.js';
import type { Cuts, Outage } from './measure.js';
import {
  GAP_LIMIT,
  GAP_LIMIT_RTT_MS,
  isLight,
  LONG_RTT_GAP_MS,
  MESSAGE,
  SURVIVING_WITHIN_MS,
  WHOLE_WITHIN_MS,
  type Setting,
} from './settings.js';

const HIGH = 99;
const GAP = 'gap p99';
const LEFT = 'to 90 % of what is left';
const WHOLE = 'healed, to 90 % of the whole';
const MPTCP = "gap p99 to MPTCP's";

/** All that a setting may bring. */
export function rowNames({ name }: Setting): string[] {
  return [GAP, LEFT, WHOLE, MPTCP].map((what) => `${name}: ${what}`);
}

/** Rows of one setting; `mptcp`: the same cuts under MPTCP, where it was measured. */
export function rowsOf(cuts: Cuts, mptcp?: Cuts): Row[] {
  const rows = [gapRow(cuts)];
  if (!isLight(cuts.setting.kind)) rows.push(...recoveryRows(cuts));
  if (mptcp !== undefined) rows.push(mptcpRow(cuts, mptcp));
  return rows;
}

/** What the reader may wait, by the smoothed round-trip time before the cut. */
export function limitMs(srttMs: number): number {
  return GAP_LIMIT.rtts * srttMs + GAP_LIMIT.plusMs;
}

function gapRow({ setting, outages }: Cuts): Row {
  const gaps = outages.map(({ gapMs }) => gapMs);
  const base = { name: `${setting.name}: ${GAP}`, value: percentile(gaps, HIGH), unit: 'ms' } as const;
  const srtt = median(outages.map(({ srttMs }) => srttMs));
  const note = `median ${Math.round(median(gaps))} ms, ${outages.length} cuts, srtt ${Math.round(srtt)} ms`;
  const worst = outages.reduce((worse, outage) => (outage.gapMs > worse.gapMs ? outage : worse));
  const where = `worst: link ${worst.victims.join('+')} cut`;
  if (setting.kind === 'reliable') {
    // The next message, and what paths of equal delays differ by: well below a round trip.
    const reference = { name: '10 ms + 1/2 RTT', value: MESSAGE.everyMs + setting.rttMs / 2 };
    return { ...base, reference, ratio: base.value / reference.value, target: { of: 'ratio', atMost: 1 }, note };
  }
  if (setting.rttMs > GAP_LIMIT_RTT_MS) {
    return { ...base, target: { of: 'value', atMost: LONG_RTT_GAP_MS }, note: `${note}, ${where}` };
  }
  // Cut by cut, for each has its own round-trip time.
  const ratio = percentile(
    outages.map(({ gapMs, srttMs }) => gapMs / limitMs(srttMs)),
    HIGH,
  );
  const reference = { name: '3 srtt + 50 ms', value: limitMs(srtt) };
  return { ...base, reference, ratio, target: { of: 'ratio', atMost: 1 }, note: `${note}, ${where}` };
}

function recoveryRows({ setting, outages, steadyShare }: Cuts): Row[] {
  const row = (what: string, withinMs: number, times: readonly number[], bounds: readonly number[]): Row => {
    const missed = times.filter((time) => time > withinMs).length;
    // What was not seen took at least as long as was looked for it.
    const bounded = times.map((time, index) => Math.min(time, bounds[index]!));
    return {
      name: `${setting.name}: ${what}`,
      value: percentile(bounded, HIGH),
      unit: 'ms',
      target: { of: 'value', atMost: withinMs },
      note: `median ${Math.round(median(bounded))} ms, ${missed} of ${times.length} later; before the cuts ${Math.round(100 * steadyShare)} % of the sum`,
    };
  };
  const of = (pick: (outage: Outage) => number): number[] => outages.map(pick);
  return [
    row(
      LEFT,
      SURVIVING_WITHIN_MS,
      of(({ survivingMs }) => survivingMs),
      of(({ cutMs, healMs }) => healMs - cutMs),
    ),
    row(
      WHOLE,
      WHOLE_WITHIN_MS,
      of(({ wholeMs }) => wholeMs),
      of(({ healMs, untilMs }) => untilMs - healMs),
    ),
  ];
}

function mptcpRow({ setting, outages }: Cuts, mptcp: Cuts): Row {
  const p99 = (list: readonly Outage[]): number =>
    percentile(
      list.map(({ gapMs }) => gapMs),
      HIGH,
    );
  const medianGap = median(mptcp.outages.map(({ gapMs }) => gapMs));
  return {
    name: `${setting.name}: ${MPTCP}`,
    value: p99(outages),
    unit: 'ms',
    reference: { name: 'MPTCP', value: p99(mptcp.outages) },
    note: `MPTCP: median ${Math.round(medianGap)} ms`,
  };
}
