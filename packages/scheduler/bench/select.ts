// Prints what one decision costs, in nanoseconds (the fastest of five rounds) and bytes of heap:
//   NODE_OPTIONS=--expose-gc npx tsx packages/scheduler/bench/select.ts
import type { PathSnapshot, ScheduleRequest } from '@kwik/wire';
import { createScheduler, SCHEDULER_NAMES } from '../src/registry.js';
import { busy, request, snapshot } from '../src/test-support/snapshots.js';

const WARM_UP = 200_000;
const CALLS = 1_000_000;
const ROUNDS = 5;

function paths(count: number): PathSnapshot[] {
  return Array.from({ length: count }, (_, id) =>
    snapshot(id, { rttMs: 10 + 15 * id, lossRate: id % 2 === 0 ? 0 : 0.01 }),
  );
}

function measure(name: string, asked: ScheduleRequest, list: readonly PathSnapshot[]): string {
  const scheduler = createScheduler(name);
  let now = 0;
  let sent = 0;
  const run = (calls: number): void => {
    for (let i = 0; i < calls; i++) if (scheduler.select(asked, list, (now += 0.01)).kind === 'send') sent += 1;
  };
  run(WARM_UP);
  let fastestNs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    run(CALLS);
    fastestNs = Math.min(fastestNs, Number(process.hrtime.bigint() - start) / CALLS);
  }
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  run(10_000); // Few enough to fit the young generation: nothing is collected in between.
  const bytes = (process.memoryUsage().heapUsed - before) / 10_000;
  if (sent === 0) throw new Error(`${name} sends nothing`);
  return `${fastestNs.toFixed(0).padStart(6)} ns ${bytes.toFixed(0).padStart(5)} B`;
}

const bulk = request();
const free = (count: number): PathSnapshot[] => paths(count);
const firstBusy = (count: number): PathSnapshot[] => paths(count).map((path, i) => (i === 0 ? busy(path) : path));
console.log(`${''.padEnd(12)}       2 free         2, near busy        4 free         4, near busy`);
for (const name of SCHEDULER_NAMES) {
  const cells = [free(2), firstBusy(2), free(4), firstBusy(4)].map((list) => measure(name, bulk, list));
  console.log(`${name.padEnd(12)} ${cells.join('   ')}`);
}
