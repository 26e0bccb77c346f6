import { median } from './stats.js';

/** Enough calls between looks at the clock that looking costs nothing. */
const BATCH_MS = 1;
/** Contenders take turns so often within one measurement: whoever else uses the machine hits them alike. */
const TURNS = 20;

/**
 * How often each of the functions can be called in a second of processor time (not of the clock on the wall: that would
 * count the time in which others had the processor). They take turns, after a warm-up for the compiler, each for `forMs`
 * in all; the median of the turns counts.
 */
export function callRates(works: readonly (() => void)[], forMs: number): number[] {
  const turnMs = forMs / TURNS;
  const batches = works.map((work) => warmUp(work, forMs, Math.min(BATCH_MS, turnMs)));
  const rates = works.map((): number[] => []);
  for (let turn = 0; turn < TURNS; turn += 1) {
    works.forEach((work, index) => rates[index]!.push(rateOf(work, batches[index]!, turnMs)));
  }
  return rates.map(median);
}

/** Returns how many calls take about `batchMs`. */
function warmUp(work: () => void, forMs: number, batchMs: number): number {
  let batch = 1;
  const end = cpuMs() + forMs;
  for (let before = cpuMs(); before < end; ) {
    for (let i = 0; i < batch; i += 1) work();
    const after = cpuMs();
    if (after - before < batchMs / 2) batch *= 2;
    before = after;
  }
  return batch;
}

function rateOf(work: () => void, batch: number, forMs: number): number {
  const start = cpuMs();
  let calls = 0;
  let now = start;
  while (now - start < forMs) {
    for (let i = 0; i < batch; i += 1) work();
    calls += batch;
    now = cpuMs();
  }
  return (calls * 1000) / (now - start);
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
