import { barChart } from '../harness/svg/bars.js';
import { lineChart, stackedArea } from '../harness/svg.js';
import { median } from '../harness/stats.js';
import { bytesAt, countOfArrivals, countOfPaths, ratesMbit, type Count } from '../links/count.js';
import type { PathSample } from '../links/messages.js';
import type { Plot } from '../part.js';
import type { Measured, Transfer } from './measure.js';
import { benefitOf } from './rows.js';

const BIN_MS = 100;
/** The environments that are drawn over time. */
const DRAWN: Readonly<Record<string, string>> = {
  '2 equal × 20 Mbit/s, 20 ms': 'equal',
  '2 × 50 Mbit/s, 40 ms beside 240 ms': 'far',
  'fibre and LTE': 'fibre-lte',
  'good beside silent after 0.5 s': 'silent',
};

/** Goodput and shares over time for some, benefit for all; of the first round. */
export function plotsOf(environments: readonly (readonly Measured[])[]): Plot[] {
  const overTime = environments.flatMap(([first]) => {
    const slug = first === undefined ? undefined : DRAWN[first.environment.name];
    return first === undefined || slug === undefined ? [] : [goodputPlot(first, slug), sharePlot(first, slug)];
  });
  return [...overTime, ...benefitPlot(environments)];
}

function goodputPlot({ environment, together, oneServer }: Measured, slug: string): Plot {
  const { startMs, endMs, arrivals } = together.result;
  const line = (name: string, { result }: Transfer) => ({
    name,
    points: points(countOfArrivals(result.arrivals), result.startMs, result.endMs),
  });
  const svg = lineChart({
    title: `Goodput: ${environment.name}`,
    x: { label: 's since the dial' },
    y: { label: `Mbit/s at the reader, means of ${BIN_MS} ms` },
    series: [
      { name: 'read', points: points(countOfArrivals(arrivals), startMs, endMs) },
      {
        name: 'received, in order or not',
        points: points(countOfPaths(together.result.samples), startMs, endMs),
        dashed: true,
      },
      ...(oneServer === undefined ? [] : [line('one server with several paths', oneServer)]),
    ],
  });
  return { name: `aggregate-goodput-${slug}`, svg };
}

function sharePlot({ environment, together }: Measured, slug: string): Plot {
  const { startMs, endMs, samples } = together.result;
  const at = binsOf(startMs, endMs);
  const series = environment.links.map(({ rateMbit, delayMs }, link) => ({
    name: `${rateMbit} Mbit/s, ${delayMs} ms one way`,
    values: ratesMbit(countOfPaths(ofLink(samples, together, link)), startMs, endMs, BIN_MS),
  }));
  const svg = stackedArea({
    title: `Share per path: ${environment.name}`,
    x: { label: 's since the dial' },
    y: { label: 'Mbit/s received' },
    at: at.map((ms) => (ms - startMs + BIN_MS / 2) / 1000),
    series,
  });
  return { name: `aggregate-share-${slug}`, svg };
}

function benefitPlot(environments: readonly (readonly Measured[])[]): Plot[] {
  const measured = environments.filter(([first]) => first !== undefined && first.environment.goal.of !== 'good');
  if (measured.length === 0) return [];
  const bars = measured.map((rounds) => ({ name: rounds[0]!.environment.name, value: benefitOf(rounds) }));
  const title = `Aggregation benefit, median ${median(bars.map(({ value }) => value)).toFixed(2)}`;
  const label = '0: the best path alone; 1: the sum of the paths alone';
  return [{ name: 'aggregate-benefit', svg: barChart({ title, label, bars, max: 1, marks: [1] }) }];
}

function ofLink(samples: readonly PathSample[], { linkOf }: Transfer, link: number): PathSample[] {
  return samples.map(({ atMs, paths }) => ({
    atMs,
    paths: paths.filter(({ address }) => linkOf.get(address) === link),
  }));
}

function points(count: Count, startMs: number, endMs: number): (readonly [number, number])[] {
  return binsOf(startMs, endMs).map((ms) => [
    (ms - startMs + BIN_MS / 2) / 1000,
    ((bytesAt(count, ms + BIN_MS) - bytesAt(count, ms)) * 8) / BIN_MS / 1000,
  ]);
}

function binsOf(startMs: number, endMs: number): number[] {
  return Array.from(
    { length: Math.max(0, Math.floor((endMs - startMs) / BIN_MS)) },
    (_, bin) => startMs + bin * BIN_MS,
  );
}
