// Prints how each scheduler does over seeded simulated links, against the best of the paths alone:
//   npx tsx packages/scheduler/bench/compare.ts
import fc from 'fast-check';
import { createScheduler, SCHEDULER_NAMES } from '../src/registry.js';
import { transfer, type Link, type TransferOptions } from '../src/test-support/simulation.js';

const SEED = 1;
const TRANSFERS = 2000;

const unit = fc.noBias(fc.integer({ min: 0, max: 10_000 })).map((x) => x / 10_000);
const link = fc.tuple(unit, unit).map(([a, b]) => ({ mbits: 100 ** a, rttMs: 2 * 150 ** b }));
const world = fc.record({
  links: fc.array(link, { minLength: 2, maxLength: 3 }),
  bytes: unit.map((x) => Math.floor(1000 * 3000 ** x)),
  receiverBytes: unit.map((x) => Math.floor(65_536 * 100 ** x)),
  errors: fc.tuple(unit, unit, unit).map((list) => list.map((x) => 0.5 * 4 ** x)),
});

function bestAloneMs(links: readonly Link[], options: TransferOptions): number {
  return Math.min(...links.map((alone) => transfer(createScheduler('min-rtt'), [alone], options).doneMs));
}

function compare(misjudged: boolean): void {
  const ratios = new Map<string, number[]>(SCHEDULER_NAMES.map((name) => [name, []]));
  for (const { links, errors, ...options } of fc.sample(world, { seed: SEED, numRuns: TRANSFERS })) {
    const best = bestAloneMs(links, options);
    const known = misjudged ? links.map((each, i) => ({ ...each, rateError: errors[i] ?? 1 })) : links;
    for (const [name, list] of ratios) list.push(transfer(createScheduler(name), known, options).doneMs / best);
  }
  console.log(misjudged ? 'rates misjudged by a factor of up to two' : 'rates known');
  for (const [name, list] of ratios) {
    const slower = (list.filter((ratio) => ratio > 1.02).length / list.length) * 100;
    const mean = Math.exp(list.reduce((sum, ratio) => sum + Math.log(ratio), 0) / list.length);
    const worst = Math.max(...list);
    console.log(
      `  ${name.padEnd(12)} mean ${mean.toFixed(2)}  worst ${worst.toFixed(2)}  slower than alone: ${slower.toFixed(1)} %`,
    );
  }
}

compare(false);
compare(true);
