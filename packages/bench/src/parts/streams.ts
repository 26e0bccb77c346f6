import { type Credentials, makeCredentials } from '../harness/certificates.js';
import { Children } from '../harness/children.js';
import { jain, median, spread } from '../harness/stats.js';
import type { Part, PartContext } from '../part.js';
import type { calls } from './streams/child.js';

interface Run {
  readonly mbPerSecond: number;
  readonly fairness: number;
  /** Least and most that a stream had at half time, as shares of the fair one. */
  readonly range: readonly [number, number];
}

const MB = 1e6;
const STREAMS = 1000;

/** What it costs to split a transfer over many streams of one session, and whether all of them get on alike. */
export const streams: Part = {
  name: 'streams',
  about: '1,000 streams of a session at once beside one: goodput and fairness',
  async run(context) {
    const bytes = (context.quick ? 20 : 200) * MB;
    const credentials = await makeCredentials();
    const many: Run[] = [];
    const one: Run[] = [];
    for (let round = 0; round < context.rounds; round += 1) {
      one.push(await measure(1, bytes, credentials, context));
      many.push(await measure(STREAMS, bytes, credentials, context));
      context.log(
        `round ${round + 1}: ${one.at(-1)!.mbPerSecond.toFixed(1)} and ${many.at(-1)!.mbPerSecond.toFixed(1)} MB/s`,
      );
    }
    const goodputs = many.map(({ mbPerSecond }) => mbPerSecond);
    const range = [median(many.map((run) => run.range[0])), median(many.map((run) => run.range[1]))] as const;
    return {
      rows: [
        {
          name: 'goodput of 1,000 streams',
          value: median(goodputs),
          unit: 'MB/s',
          reference: { name: 'one stream', value: median(one.map(({ mbPerSecond }) => mbPerSecond)) },
          ratio: median(many.map((run, index) => run.mbPerSecond / one[index]!.mbPerSecond)),
          target: { of: 'ratio', atLeast: 0.8 },
          note: spread(goodputs),
        },
        {
          name: 'fairness of 1,000 streams (Jain, at half time)',
          value: median(many.map(({ fairness }) => fairness)),
          unit: '',
          target: { of: 'value', atLeast: 0.95 },
          note: `least ${range[0].toFixed(2)}, most ${range[1].toFixed(2)} of a fair share`,
        },
      ],
    };
  },
};

async function measure(count: number, bytes: number, credentials: Credentials, context: PartContext): Promise<Run> {
  await using children = new Children(context);
  const file = new URL('./streams/child.js', import.meta.url);
  const server = children.start<typeof calls>(file, { label: `streams-${count}-server` });
  const client = children.start<typeof calls>(file, { label: `streams-${count}-client` });
  const bytesEach = Math.floor(bytes / count);
  const { port } = await server.call('serve', { credentials, bytesEach });
  const { seconds, bytesAtHalf } = await client.call('fetch', {
    port,
    caPem: credentials.caPem,
    streams: count,
    bytesEach,
  });
  const shares = [...bytesAtHalf];
  const fair = shares.reduce((sum, share) => sum + share, 0) / count;
  return {
    mbPerSecond: (bytesEach * count) / MB / seconds,
    fairness: jain(shares),
    range: [Math.min(...shares) / fair, Math.max(...shares) / fair],
  };
}
