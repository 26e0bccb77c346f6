import { createScheduler, SCHEDULER_NAMES } from '@kwik/scheduler';
import { type PathSnapshot, type ScheduleRequest, toPathId, toStreamId } from '@kwik/wire';
import { callRates } from '../harness/rate.js';
import { lineChart } from '../harness/svg.js';
import { median, spread } from '../harness/stats.js';
import type { Part, PartContext, Row } from '../part.js';

const PATHS = [2, 4, 8, 16, 32, 64];
const FEW = 2;
/** In the table; the others are in the plot. */
const SHOWN = [8, 64];
const MEASURE_MS = 100;
const QUICK_MS = 20;

/** What a decision costs: which path takes the next piece. */
export const planner: Part = {
  name: 'planner',
  about: 'cost of a decision of each scheduler against the number of paths',
  async run(context) {
    const names = SCHEDULER_NAMES.filter((name) => SHOWN.some((paths) => context.wanted(rowName(name, paths))));
    const costs = new Map(names.map((name) => [name, costOf(name, context)]));
    const rows = names.flatMap((name) => SHOWN.map((paths) => toRow(name, paths, costs.get(name)!)));
    const plot = lineChart({
      title: 'Cost of a scheduler’s decision',
      x: { label: 'paths', log: true },
      y: { label: 'time, µs', log: true },
      series: names.map((name) => ({
        name,
        dots: true,
        points: PATHS.map((paths) => [paths, median(costs.get(name)!.get(paths)!)] as const),
      })),
    });
    return { rows, plots: [{ name: 'planner-cost', svg: plot }] };
  },
};

function rowName(scheduler: string, paths: number): string {
  return `${scheduler}, ${paths} paths`;
}

function toRow(name: string, paths: number, costs: ReadonlyMap<number, readonly number[]>): Row {
  const few = median(costs.get(FEW)!);
  const value = median(costs.get(paths)!);
  return {
    name: rowName(name, paths),
    value,
    unit: 'µs',
    reference: { name: `${FEW} paths`, value: few },
    // 1: each path costs what it costs among few; less: each further one costs more.
    ratio: (few * paths) / FEW / value,
    note: ['ratio: cost per path, few to many', spread(costs.get(paths)!)].filter(Boolean).join('; '),
  };
}

/** Microseconds by number of paths, one figure a round. */
function costOf(name: string, context: PartContext): Map<number, number[]> {
  const costs = new Map<number, number[]>(PATHS.map((paths) => [paths, []]));
  for (let round = 0; round < context.rounds; round += 1) {
    const rates = callRates(
      PATHS.map((paths) => decision(name, paths)),
      context.quick ? QUICK_MS : MEASURE_MS,
    );
    PATHS.forEach((paths, index) => costs.get(paths)!.push(1e6 / rates[index]!));
  }
  return costs;
}

function decision(name: string, count: number): () => void {
  const scheduler = createScheduler(name);
  const paths = Array.from({ length: count }, (_, id) => snapshot(id));
  let now = 0;
  const select = (): boolean => scheduler.select(REQUEST, paths, (now += 0.01)).kind === 'send';
  if (!Array.from({ length: 100 }, select).includes(true)) throw new Error(`${name} sends nothing over ${count} paths`);
  return select;
}

const REQUEST: ScheduleRequest = {
  streamId: toStreamId(0n),
  pendingBytes: 1_000_000,
  priority: 3,
  intent: { mode: 'bulk' },
  kind: 'data',
  windowBytes: 16_000_000,
  exclude: [],
};

/** The nearest path is busy, so that schedulers which compare have something to compare; some lose packets. */
function snapshot(id: number): PathSnapshot {
  const windowBytes = 100_000;
  return {
    id: toPathId(id),
    state: 'active',
    primary: id === 0,
    rttMs: 10 + 5 * id,
    rttVarMs: 2,
    minRttMs: 10,
    windowBytes,
    inFlightBytes: id === 0 ? windowBytes : 0,
    queuedBytes: 0,
    sendableBytes: id === 0 ? 0 : windowBytes,
    deliveryRateBytesPerSecond: 2_500_000,
    lossRate: id % 2 === 0 ? 0 : 0.01,
    weight: 1,
    datagramBytes: 1200,
  };
}
