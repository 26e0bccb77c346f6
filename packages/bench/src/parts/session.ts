import { lineChart } from '../harness/svg.js';
import { median } from '../harness/stats.js';
import type { Part, Plot, Target } from '../part.js';
import type { Course, Run } from './transfer/measure.js';
import { measureRows, type RowSpec } from './transfer/rows.js';

const MB = 1e6;
const PATHS = 4;

type Name = 'session' | 'driver' | 'tls' | 'two' | 'extra' | 'eight' | 'content' | 'contentAlone';

const NEARLY_ALL: Target = { of: 'ratio', atLeast: 0.9 };

const ROWS: readonly RowSpec<Name>[] = [
  { name: 'one path', own: 'session', reference: 'driver', called: 'driver', target: { of: 'ratio', atLeast: 0.8 } },
  { name: 'one path to node:tls', own: 'session', reference: 'tls', called: 'node:tls' },
  { name: 'four paths to one server', own: 'extra', reference: 'session', called: 'one path', target: NEARLY_ALL },
  { name: 'two paths to one server', own: 'two', reference: 'session', called: 'one path' },
  { name: 'eight paths to one server', own: 'eight', reference: 'session', called: 'one path' },
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
      two: { contender: 'extra', bytes, paths: 2 },
      extra: { contender: 'extra', bytes, paths: PATHS },
      eight: { contender: 'extra', bytes, paths: 8 },
      contentAlone: { contender: 'content', bytes },
      content: { contender: 'content', bytes, paths: PATHS, servers: PATHS },
    };
    const { rows, runs } = await measureRows(courses, ROWS, context);
    return { rows, plots: costPlots(courses, runs) };
  },
};

/** The courses with one server, by number of paths. */
const BY_PATHS: readonly Name[] = ['session', 'two', 'extra', 'eight'];

function costPlots(courses: Readonly<Record<Name, Course>>, runs: ReadonlyMap<Name, readonly Run[]>): Plot[] {
  if (BY_PATHS.some((name) => (runs.get(name) ?? []).length === 0)) return [];
  const line = (name: string, figure: (run: Run) => number) => ({
    name,
    dots: true,
    points: BY_PATHS.map((course) => [courses[course].paths ?? 1, median(runs.get(course)!.map(figure))] as const),
  });
  const svg = lineChart({
    title: 'Cost of several paths to one server, loopback',
    x: { label: 'paths', log: true },
    y: { label: 'CPU, s/GB', min: 0 },
    series: [
      line('client', ({ clientCpuPerGb }) => clientCpuPerGb),
      line('server', ({ serverCpuPerGb }) => serverCpuPerGb),
    ],
  });
  return [{ name: 'session-cost', svg }];
}
