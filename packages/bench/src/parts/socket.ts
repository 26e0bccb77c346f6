import { createLinks } from '@kwik/testbed';
import { makeCredentials } from '../harness/certificates.js';
import { Children } from '../harness/children.js';
import { median, spread } from '../harness/stats.js';
import type { Part, PartContext, Row } from '../part.js';
import type { calls } from './socket/child.js';
import type { Course } from './transfer/measure.js';
import { measureRows, type RowSpec } from './transfer/rows.js';

const MB = 1e6;
/** One way, of the link over which a connect is timed: its round trip outweighs what processors do. */
const DELAY_MS = 10;
const ROUND_TRIP_MS = 2 * DELAY_MS;

type Name = 'socket' | 'session';

const GOODPUT: readonly RowSpec<Name>[] = [
  {
    name: 'one socket',
    own: 'socket',
    reference: 'session',
    called: "a session's stream",
    target: { of: 'ratio', atLeast: 0.85 },
  },
  { name: 'CPU, client', figure: 'clientCpu', own: 'socket', reference: 'session', called: "a session's stream" },
  { name: 'CPU, server', figure: 'serverCpu', own: 'socket', reference: 'session', called: "a session's stream" },
];
const SOCKETS_ROW = 'sockets, one after the other';
const FIRST_ROW = 'the first connect, in round trips';
const LATER_ROW = 'a connect that finds a session, in round trips';

/** What a socket costs above the stream that it is. */
export const socket: Part = {
  name: 'socket',
  about: "a socket of @kwik/socket beside a session's stream; sockets per second; how long a connect takes",
  async run(context) {
    const bytes = (context.quick ? 100 : 1000) * MB;
    const courses: Readonly<Record<Name, Course>> = {
      socket: { contender: 'socket', bytes },
      session: { contender: 'session', bytes },
    };
    const { rows } = await measureRows(courses, GOODPUT, context);
    const others = [context.wanted(SOCKETS_ROW) ? [await socketsRow(context)] : [], await connectRows(context)];
    return { rows: [...rows, ...others.flat()] };
  },
};

async function socketsRow(context: PartContext): Promise<Row> {
  const count = context.quick ? 500 : 5000;
  const rates = { kwik: [] as number[], tcp: [] as number[] };
  for (let round = 0; round < context.rounds; round += 1) {
    for (const contender of ['kwik', 'tcp'] as const) {
      const { perSecond } = await withPair(context, contender, (client, port, caPem) =>
        client.call('many', { contender, port, caPem, count }),
      );
      rates[contender].push(perSecond);
      context.log(`round ${round + 1}, ${contender}: ${perSecond.toFixed(0)} sockets/s`);
    }
  }
  return {
    name: SOCKETS_ROW,
    value: median(rates.kwik),
    unit: '1/s',
    reference: { name: 'node:net', value: median(rates.tcp) },
    ratio: median(rates.kwik.map((rate, round) => rate / rates.tcp[round]!)),
    note: spread(rates.kwik),
  };
}

async function connectRows(context: PartContext): Promise<Row[]> {
  if (!context.wanted(FIRST_ROW) && !context.wanted(LATER_ROW)) return [];
  const firsts: number[] = [];
  const laters: number[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    const { firstMs, laterMs } = await withPair(context, 'kwik', async (client, serverPort, caPem) => {
      const target = { host: '127.0.0.1', port: serverPort };
      await using links = await createLinks({ far: { target, both: { delayMs: DELAY_MS } } });
      const { port } = links.links['far'];
      return await client.call('times', { contender: 'kwik', port, caPem, count: context.quick ? 5 : 50 });
    });
    firsts.push(firstMs / ROUND_TRIP_MS);
    laters.push(laterMs / ROUND_TRIP_MS);
  }
  const row = (name: string, values: readonly number[], atMost: number): Row => ({
    name,
    value: median(values),
    unit: '',
    target: { of: 'value', atMost },
    lessIsBetter: true,
    note: spread(values),
  });
  return [row(FIRST_ROW, firsts, 4), row(LATER_ROW, laters, 1.5)].filter(({ name }) => context.wanted(name));
}

type Client = ReturnType<typeof Children.prototype.start<typeof calls>>;

async function withPair<T>(
  context: PartContext,
  contender: 'kwik' | 'tcp',
  work: (client: Client, port: number, caPem: string) => Promise<T>,
): Promise<T> {
  const credentials = await makeCredentials();
  await using children = new Children(context);
  const file = new URL('./socket/child.js', import.meta.url);
  const server = children.start<typeof calls>(file, { label: `${contender}-socket-server` });
  const client = children.start<typeof calls>(file, { label: `${contender}-socket-client` });
  const { port } = await server.call('serve', { contender, credentials });
  return await work(client, port, credentials.caPem);
}
