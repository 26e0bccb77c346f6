import { availableParallelism } from 'node:os';
import { makeCredentials } from '../harness/certificates.js';
import type { Part, Row } from '../part.js';
import { measureWorkers, type OfWorkers } from './workers/measure.js';

const COUNTS = [1, 2, 4];

/** What several processes on one address do together. */
export const workers: Part = {
  name: 'workers',
  about: 'startWorkers with 1, 2 and 4 processes: handshakes, echoes and goodput of all together, beside one',
  async run(context) {
    if (process.platform !== 'linux') return { rows: [], skipped: ['workers: they share an address on Linux alone'] };
    const credentials = await makeCredentials();
    const measured = new Map<number, OfWorkers>();
    for (const count of COUNTS) {
      if (FIGURES.every(({ name }) => !context.wanted(nameOf(name, count)))) continue;
      measured.set(count, await measureWorkers(count, credentials, context));
    }
    const one = measured.get(1);
    const rows = FIGURES.flatMap((figure) => [...measured].map(([count, own]) => rowOf(figure, count, own, one)));
    return { rows };
  },
};

interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly of: (measured: OfWorkers) => number;
}

const FIGURES: readonly Figure[] = [
  { name: 'handshakes', unit: '1/s', of: ({ handshakes }) => handshakes },
  { name: 'echoes', unit: '1/s', of: ({ echoes }) => echoes },
  { name: 'goodput', unit: 'MB/s', of: ({ goodputMbps }) => goodputMbps },
];

function nameOf(figure: string, count: number): string {
  return `${figure}, ${count} ${count === 1 ? 'worker' : 'workers'}`;
}

function rowOf({ name, unit, of }: Figure, count: number, own: OfWorkers, one: OfWorkers | undefined): Row {
  const share = `the busiest had ${Math.round(own.largestShare * 100)} % of the sessions`;
  const cores = `four clients beside, on ${availableParallelism()} cores`;
  return {
    name: nameOf(name, count),
    value: of(own),
    unit,
    ...(one !== undefined && count > 1 && { reference: { name: '1 worker', value: of(one) } }),
    note: count === 1 ? cores : `${cores}; ${share}`,
  };
}
