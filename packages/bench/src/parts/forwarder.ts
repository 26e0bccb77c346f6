import { plainForwarder } from '../forward/plain-forwarder.js';
import { findCompiler } from '../netns/native-tools.js';
import type { Part } from '../part.js';
import type { Course } from './transfer/measure.js';
import { measureRows, type RowSpec } from './transfer/rows.js';

const MB = 1e6;

type Name = 'direct' | 'plain';

const ROWS: readonly RowSpec<Name>[] = [
  { name: 'driver through a plain loop', own: 'plain', reference: 'direct', called: 'driver' },
  {
    name: 'CPU, plain loop',
    figure: 'forwarderCpu',
    own: 'plain',
    reference: 'plain',
    referenceFigure: 'serverCpu',
    called: "the driver's server",
  },
];

/** The ceiling of whatever forwards datagrams: a loop of `recvmmsg` and `sendmmsg` between a client and its server. */
export const forwarder: Part = {
  name: 'forwarder',
  about: 'one stream of @kwik/quic whose datagrams a plain loop of recvmmsg and sendmmsg forwards, beside no forwarder',
  async run(context) {
    if (process.platform !== 'linux') return { rows: [], skipped: ['forwarder: recvmmsg is a system call of Linux'] };
    if ((await findCompiler()) === undefined) return { rows: [], skipped: ['forwarder: there is no C compiler'] };
    const bytes = (context.quick ? 50 : 500) * MB;
    const plain = await plainForwarder();
    try {
      const courses: Readonly<Record<Name, Course>> = {
        direct: { contender: 'driver', bytes },
        plain: { contender: 'driver', bytes, through: plain.start },
      };
      return { rows: (await measureRows(courses, ROWS, context)).rows };
    } finally {
      await plain.dispose();
    }
  },
};
