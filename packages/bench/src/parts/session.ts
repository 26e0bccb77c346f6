import type { Part, Row, Target } from '../part.js';
import { type Course, measureInTurn, medianOf, noteOf, ratioOfRuns, type Run } from './transfer/measure.js';

const MB = 1e6;
const PATHS = 4;

type Name = 'session' | 'driver' | 'tls' | 'extra' | 'content' | 'contentAlone';

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
    const runs = await measureInTurn(courses, context);
    const row = (name: string, own: Name, reference: Name, called: string, target?: Target): Row => ({
      name,
      value: goodput(runs.get(own)),
      unit: 'MB/s',
      reference: { name: called, value: goodput(runs.get(reference)) },
      ratio: ratioOfRuns(runs.get(own), runs.get(reference)),
      ...(target === undefined ? {} : { target }),
      note: noteOf(runs.get(own)),
    });
    const share: Target = { of: 'ratio', atLeast: 0.9 };
    return {
      rows: [
        row('one path', 'session', 'driver', 'driver', { of: 'ratio', atLeast: 0.8 }),
        row('one path to node:tls', 'session', 'tls', 'node:tls'),
        row('four paths to one server', 'extra', 'session', 'one path', share),
        row('four servers', 'content', 'contentAlone', 'one server', share),
        ...cpu('client', runs, (run) => run.clientCpuPerGb),
        ...cpu('server', runs, (run) => run.serverCpuPerGb),
      ],
    };
  },
};

function cpu(side: string, runs: ReadonlyMap<Name, readonly Run[]>, figure: (run: Run) => number): Row[] {
  const value = medianOf(runs.get('session'), figure);
  const reference = { name: 'driver', value: medianOf(runs.get('driver'), figure) };
  // Less is better, and a ratio is compared as "more is better".
  return [
    { name: `CPU, ${side}`, value, unit: 's/GB', reference, ratio: reference.value / value, note: 'driver / session' },
  ];
}

function goodput(runs: readonly Run[] | undefined): number {
  return medianOf(runs, (run) => run.mbPerSecond);
}
