import type { Part } from '../part.js';
import type { Course } from './transfer/measure.js';
import { measureRows, type RowSpec } from './transfer/rows.js';

type Name = 'watched' | 'session';

const ROWS: readonly RowSpec<Name>[] = [
  {
    name: 'everything on',
    own: 'watched',
    reference: 'session',
    called: 'off',
    target: { of: 'ratio', atLeast: 0.97 },
  },
];

/** What comes before the clock starts: both ends have loaded and compiled what they need, and have been scraped. */
const WARM_SHARE = 0.2;

/** What it costs to be watched: metrics scraped each second, events logged, a page open, recorder and qlog written. */
export const telemetry: Part = {
  name: 'telemetry',
  about: 'one path of @kwik/session on loopback with all of @kwik/telemetry on, beside off',
  async run(context) {
    const bytes = (context.quick ? 100 : 1000) * 1e6;
    const warmBytes = WARM_SHARE * bytes;
    const courses: Readonly<Record<Name, Course>> = {
      watched: { contender: 'watched', bytes, warmBytes },
      session: { contender: 'session', bytes, warmBytes },
    };
    const { rows } = await measureRows(courses, ROWS, context);
    return { rows };
  },
};
