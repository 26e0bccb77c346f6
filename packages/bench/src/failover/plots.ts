import { histogram, lineChart } from '../harness/svg.js';
import { allowedMbit } from '../links/allowance.js';
import { bytesAt, type Count } from '../links/count.js';
import type { Plot } from '../part.js';
import { specsOf, type Cuts } from './measure.js';
import { isLight, RATE_MBIT, type Setting } from './settings.js';

const BIN_MS = 100;
/** Seconds of a transfer that can be read off a plot. */
const SHOWN_MS = 16_000;
const BEFORE_MS = 1000;
const SERIES: Readonly<Record<Setting['kind'], string>> = {
  servers: 'servers, loaded',
  paths: 'paths, loaded',
  light: 'paths, light load',
  reliable: 'paths, a reliable stream',
};

/** Gaps of all settings, and the first cuts of some over time. */
export function plotsOf(kwik: readonly Cuts[], mptcp: readonly Cuts[]): Plot[] {
  const drawn = kwik.filter(({ setting }) => setting.rttMs === 20 && setting.links === 2 && !isLight(setting.kind));
  return [gapPlot(kwik, mptcp), ...drawn.map(goodputPlot)];
}

function gapPlot(kwik: readonly Cuts[], mptcp: readonly Cuts[]): Plot {
  const gapsOf = (all: readonly Cuts[]): number[] => all.flatMap(({ outages }) => outages.map(({ gapMs }) => gapMs));
  const kinds = (Object.keys(SERIES) as Setting['kind'][]).map((kind) => ({
    name: SERIES[kind],
    values: gapsOf(kwik.filter(({ setting }) => setting.kind === kind)),
  }));
  const series = [...kinds, { name: 'MPTCP, loaded', values: gapsOf(mptcp) }].filter(({ values }) => values.length > 0);
  const svg = histogram({
    title: "The reader's longest gap after a silent cut, RTTs of 10 to 100 ms",
    x: { label: 'ms', log: true },
    y: { label: 'per cent of the cuts' },
    series,
    share: true,
  });
  return { name: 'failover-gaps', svg };
}

function goodputPlot({ setting, outages, count }: Cuts): Plot {
  const fromMs = (outages[0]?.cutMs ?? 0) - BEFORE_MS;
  const seconds = (atMs: number): number => (atMs - fromMs) / 1000;
  const shown = outages.filter(({ healMs }) => healMs < fromMs + SHOWN_MS);
  const svg = lineChart({
    title: `Goodput: ${setting.name}`,
    x: { label: 's' },
    y: { label: `Mbit/s received, means of ${BIN_MS} ms` },
    series: [
      { name: 'received', points: rates(count, fromMs).map(([atMs, rate]) => [seconds(atMs), rate]) },
      {
        name: 'what the living links allow',
        points: allowed(setting, shown, fromMs).map(([x, y]) => [seconds(x), y]),
        dashed: true,
      },
    ],
    marks: shown.flatMap(({ cutMs, healMs }) => [
      { x: seconds(cutMs), label: 'cut' },
      { x: seconds(healMs), label: 'healed' },
    ]),
  });
  return { name: `failover-goodput-${setting.kind}`, svg };
}

function rates(count: Count, fromMs: number): [number, number][] {
  const lastMs = Math.min(fromMs + SHOWN_MS, count.at(-1)?.atMs ?? fromMs);
  const points: [number, number][] = [];
  for (let at = fromMs; at + BIN_MS <= lastMs; at += BIN_MS) {
    points.push([at + BIN_MS / 2, ((bytesAt(count, at + BIN_MS) - bytesAt(count, at)) * 8) / BIN_MS / 1000]);
  }
  return points;
}

function allowed(setting: Setting, outages: Cuts['outages'], fromMs: number): [number, number][] {
  const whole = allowedMbit(specsOf(setting));
  const left = allowedMbit([{ rateMbit: RATE_MBIT * (setting.links - setting.cut) }]);
  const steps = outages.flatMap(({ cutMs, healMs }): [number, number][] => [
    [cutMs, whole],
    [cutMs, left],
    [healMs, left],
    [healMs, whole],
  ]);
  return [[fromMs, whole], ...steps, [fromMs + SHOWN_MS, whole]];
}
