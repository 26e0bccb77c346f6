import type { Part, Row } from '../part.js';
import { measureInTurn, medianOf, noteOf, ratioOfRuns, type Run } from './transfer/measure.js';

const MB = 1e6;
/** The classes move some 2 MB/s: fewer bytes tell as much. */
const CLASSES_SHARE = 0.02;

/** Goodput of one stream in one direction on loopback. */
export const driver: Part = {
  name: 'driver',
  about: 'one stream of @kwik/quic on loopback, beside a minimal loop, the classes of @matrixai/quic, and node:tls',
  async run(context) {
    const bytes = (context.quick ? 20 : 200) * MB;
    const runs = await measureInTurn(
      {
        driver: { contender: 'driver', bytes },
        minimal: { contender: 'minimal', bytes },
        tls: { contender: 'tls', bytes },
        classes: { contender: 'classes', bytes: Math.round(bytes * CLASSES_SHARE) },
      },
      context,
    );
    const own = runs.get('driver');
    const row = (reference: string, name: string, atLeast?: number): Row => ({
      name: `goodput to ${name}`,
      value: goodput(own),
      unit: 'MB/s',
      reference: { name, value: goodput(runs.get(reference as 'minimal')) },
      ratio: ratioOfRuns(own, runs.get(reference as 'minimal')),
      ...(atLeast === undefined ? {} : { target: { of: 'ratio', atLeast } }),
      note: noteOf(own),
    });
    return { rows: [row('minimal', 'minimal loop', 0.9), row('classes', 'classes', 30), row('tls', 'node:tls')] };
  },
};

function goodput(runs: readonly Run[] | undefined): number {
  return medianOf(runs, (run) => run.mbPerSecond);
}
