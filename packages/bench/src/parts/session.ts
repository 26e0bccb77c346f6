import type { Part, Target } from '../part.js';
import type { Course } from './transfer/measure.js';
import { measureRows, type RowSpec } from './transfer/rows.js';

const MB = 1e6;
const PATHS = 4;

type Name = 'session' | 'driver' | 'tls' | 'extra' | 'content' | 'contentAlone';

const NEARLY_ALL: Target = { of: 'ratio', atLeast: 0.9 };

const ROWS: readonly RowSpec<Name>[] = [
  { name: 'one path', own: 'session', reference: 'driver', called: 'driver', target: { of: 'ratio', atLeast: 0.8 } },
  { name: 'one path to node:tls', own: 'session', reference: 'tls', called: 'node:tls' },
  { name: 'four paths to one server', own: 'extra', reference: 'session', called: 'one path', target: NEARLY_ALL },
  { name: 'four servers', own: 'content', reference: 'contentAlone', called: 'one server', target: NEARLY_ALL },
  { name: 'CPU, client', figure: 'clientCpu', own: 'session', reference: 'driver', called: 'driver' },
  { name: 'CPU, server', figure: 'serverCpu', own: 'session', reference: 'driver', called: 'driver' },
  {
    name: 'CPU, client of four servers',
    figure: 'clientCpu',
    own: 'content',
    reference: 'contentAlone',
    called: 'of one',
  },
  { name: 'CPU, four servers', figure: 'serverCpu', own: 'content', reference: 'contentAlone', called: 'one server' },
];

/** What the session costs above the driver, and four paths above one, where nothing but the processors limits them. */
export const session: Part = {
  name: 'session',
  about: 'one path of @kwik/session on loopback beside the driver; four paths beside one',
  async run(context) {
    const bytes = (context.quick ? 100 : 1000) * MB;
    const courses: Readonly<Record<Name, Course>> = {
      session: { contender: 'session', bytes },
      driver: { contender: 'driver', bytes },
      tls: { contender: 'tls', bytes },
      extra: { contender: 'extra', bytes, paths: PATHS },
      contentAlone: { contender: 'content', bytes },
      content: { contender: 'content', bytes, paths: PATHS, servers: PATHS },
    };
    return { rows: await measureRows(courses, ROWS, context) };
  },
};
