import { createLinks } from '@kwik/testbed';
import { type Credentials, makeCredentials } from '../harness/certificates.js';
import { Children } from '../harness/children.js';
import { median, spread } from '../harness/stats.js';
import { histogram } from '../harness/svg.js';
import type { Part, PartContext, Row, Target } from '../part.js';
import type { calls, EchoResult } from './latency/child.js';
import type { EchoName } from './latency/contender.js';

/** Where the client's paths lead: straight to the server, so often, or over emulated links of these delays one way. */
interface Course {
  readonly contender: EchoName;
  readonly straight?: number;
  readonly linkDelaysMs?: readonly number[];
}

type Name = keyof typeof COURSES;
type Results = ReadonlyMap<Name, readonly EchoResult[]>;

/** One way, of the two emulated links: their round trips differ by a factor of four. */
const NEAR_MS = 5;
const FAR_MS = 20;

const COURSES = {
  session: { contender: 'session', straight: 1 },
  driver: { contender: 'driver', straight: 1 },
  tls: { contender: 'tls', straight: 1 },
  twoPaths: { contender: 'session', straight: 2 },
  near: { contender: 'session', linkDelaysMs: [NEAR_MS] },
  nearAndFar: { contender: 'session', linkDelaysMs: [NEAR_MS, FAR_MS] },
} as const satisfies Record<string, Course>;

const TITLES: Readonly<Record<Name, string>> = {
  session: 'one path',
  driver: 'driver',
  tls: 'node:tls',
  twoPaths: 'two paths',
  near: 'the better',
  nearAndFar: 'both',
};
const LINKS_ROW = `two paths of ${2 * NEAR_MS} and ${2 * FAR_MS} ms`;

/** A row: one figure of two courses. */
interface Comparison {
  readonly figure: 'p50' | 'p99';
  readonly name: string;
  readonly own: Name;
  readonly reference: Name;
  readonly target?: Target;
}

const NOT_WORSE: Target = { of: 'ratio', atMost: 1.1 };
const COMPARISONS: readonly Comparison[] = [
  { figure: 'p50', name: 'one path', own: 'session', reference: 'driver', target: { of: 'ratio', atMost: 1.3 } },
  { figure: 'p50', name: 'one path to node:tls', own: 'session', reference: 'tls' },
  { figure: 'p99', name: 'one path', own: 'session', reference: 'driver' },
  { figure: 'p99', name: 'two paths on loopback', own: 'twoPaths', reference: 'session', target: NOT_WORSE },
  { figure: 'p99', name: LINKS_ROW, own: 'nearAndFar', reference: 'near', target: NOT_WORSE },
];

/** Echoes over emulated links take milliseconds each: fewer of them. */
const COUNTS = { loopback: [5000, 500], links: [300, 60] } as const;
const WARM_UP = [500, 100] as const;

/** Echo of 100 bytes, one after the other. */
export const latency: Part = {
  name: 'latency',
  about: 'echo of 100 bytes: one path on loopback beside the driver and node:tls; two paths beside the better one',
  async run(context) {
    const credentials = await makeCredentials();
    const wanted = COMPARISONS.filter((comparison) => context.wanted(rowName(comparison)));
    const needed = new Set(wanted.flatMap(({ own, reference }) => [own, reference]));
    const courses = (Object.entries(COURSES) as [Name, Course][]).filter(([name]) => needed.has(name));
    const results = new Map<Name, EchoResult[]>();
    for (let round = 0; round < context.rounds; round += 1) {
      for (const [name, course] of courses) {
        const result = await measure(course, credentials, context);
        results.set(name, [...(results.get(name) ?? []), result]);
        context.log(`round ${round + 1}, ${name}: p50 ${result.p50.toFixed(3)} ms, p99 ${result.p99.toFixed(3)} ms`);
      }
    }
    return {
      rows: wanted.map((comparison) => toRow(results, comparison)),
      plots: [{ name: 'latency-echo', svg: plot(results) }],
    };
  },
};

function rowName({ figure, name }: Comparison): string {
  return `${figure}, ${name}`;
}

function toRow(results: Results, comparison: Comparison): Row {
  const { figure, own, reference, target } = comparison;
  const ours = (results.get(own) ?? []).map((result) => result[figure]);
  const theirs = (results.get(reference) ?? []).map((result) => result[figure]);
  return {
    name: rowName(comparison),
    value: median(ours),
    unit: 'ms',
    reference: { name: TITLES[reference], value: median(theirs) },
    ratio: median(ours.map((value, round) => value / theirs[round]!)),
    ...(target === undefined ? {} : { target }),
    lessIsBetter: true,
    note: spread(ours),
  };
}

function plot(results: Results): string {
  const shown = (['session', 'driver', 'tls', 'twoPaths'] as const).filter((name) => results.has(name));
  const series = shown.map((name) => ({
    name: TITLES[name],
    values: (results.get(name) ?? []).flatMap(({ times }) => [...times]),
  }));
  return histogram({
    title: 'Echo of 100 bytes on loopback',
    x: { label: 'time there and back, ms', log: true },
    y: { label: 'share of the echoes, %' },
    share: true,
    series,
  });
}

async function measure(course: Course, credentials: Credentials, context: PartContext): Promise<EchoResult> {
  const { contender, straight = 0, linkDelaysMs = [] } = course;
  await using children = new Children(context);
  const file = new URL('./latency/child.js', import.meta.url);
  const server = children.start<typeof calls>(file, { label: `${contender}-echo-server` });
  const client = children.start<typeof calls>(file, { label: `${contender}-echo-client` });
  const { port } = await server.call('serve', { contender, credentials });
  const target = { host: '127.0.0.1', port };
  const shapes = linkDelaysMs.map((delayMs, index) => [`link${index}`, { target, both: { delayMs } }] as const);
  await using links = await createLinks(Object.fromEntries(shapes));
  const ports = [
    ...Array.from({ length: straight }, () => port),
    ...Object.values(links.links).map((link) => link.port),
  ];
  const size = context.quick ? 1 : 0;
  const count = COUNTS[straight > 0 ? 'loopback' : 'links'][size];
  const warmUp = Math.min(count, WARM_UP[size]);
  return await client.call('echo', { contender, ports, caPem: credentials.caPem, warmUp, count });
}
