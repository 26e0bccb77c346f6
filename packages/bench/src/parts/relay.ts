import { plainForwarder } from '../forward/plain-forwarder.js';
import { relayedClient, relayForwarder } from '../forward/relay-forwarder.js';
import { findCompiler } from '../netns/native-tools.js';
import type { Part } from '../part.js';
import type { Course } from './transfer/measure.js';
import { measureRows, type RowSpec } from './transfer/rows.js';

const MB = 1e6;
/** A relay forwards at no less than this share of a loop that does nothing else. */
const LEAST_SHARE = 0.7;

type Name = 'relay' | 'plain';

const ROWS: readonly RowSpec<Name>[] = [
  {
    name: 'driver through a relay',
    own: 'relay',
    reference: 'plain',
    called: 'through a plain loop',
    target: { of: 'ratio', atLeast: LEAST_SHARE },
  },
  { name: 'CPU, relay', figure: 'forwarderCpu', own: 'relay', reference: 'plain', called: 'the plain loop' },
];

/** A relay beside the ceiling of whatever forwards datagrams. */
export const relay: Part = {
  name: 'relay',
  about: 'one stream of @kwik/quic by way of a relay, beside a plain loop of recvmmsg and sendmmsg in its place',
  async run(context) {
    if (process.platform !== 'linux') return { rows: [], skipped: ['relay: recvmmsg is a system call of Linux'] };
    if ((await findCompiler()) === undefined) return { rows: [], skipped: ['relay: there is no C compiler'] };
    const bytes = (context.quick ? 50 : 500) * MB;
    const plain = await plainForwarder();
    const client = await relayedClient();
    try {
      const courses: Readonly<Record<Name, Course>> = {
        relay: { contender: 'driver', bytes, client, through: relayForwarder(client, context) },
        plain: { contender: 'driver', bytes, through: plain.start },
      };
      return { rows: (await measureRows(courses, ROWS, context)).rows };
    } finally {
      await plain.dispose();
    }
  },
};
