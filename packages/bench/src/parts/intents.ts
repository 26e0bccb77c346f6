import { Children } from '../harness/children.js';
import { median, percentile, spread } from '../harness/stats.js';
import { chooseBeds, type Beds } from '../links/choose-bed.js';
import { lateness } from '../links/lateness.js';
import { Stage } from '../links/stage.js';
import type { Part, PartContext } from '../part.js';

/** A near path and a far one to one server, as small answers find them that have a choice. */
const LINKS = [
  { rateMbit: 20, delayMs: 10 },
  { rateMbit: 20, delayMs: 30 },
];
const MESSAGE = { messageBytes: 500, everyMs: 10 };
/** At first bulk has not yet filled the paths. */
const WARM_UP = 100;
const COUNTS = { full: 1000, quick: 200 };
const ROW = 'small answers beside bulk, p99 behind the quickest';

/** What it is worth to say how a stream is to be carried. The gap of a reliable stream is a row of `failover`. */
export const intents: Part = {
  name: 'intents',
  about: 'small answers beside bulk over two paths: those of a fast stream, and of one that is carried as bulk is',
  async run(context) {
    if (!context.wanted(ROW)) return { rows: [] };
    await using beds = await chooseBeds();
    const late = { fast: [] as number[], bulk: [] as number[] };
    for (let round = 0; round < context.rounds; round += 1) {
      for (const mode of ['fast', 'bulk'] as const) {
        const times = await measure(mode, beds, context);
        late[mode].push(percentile(times, 99));
        context.log(
          `round ${round + 1}, ${mode}: p50 ${percentile(times, 50).toFixed(1)} ms, p99 ${late[mode].at(-1)!.toFixed(1)} ms`,
        );
      }
    }
    const [fast, bulk] = [median(late.fast), median(late.bulk)];
    const row = {
      name: ROW,
      value: fast,
      unit: 'ms',
      reference: { name: 'carried as bulk', value: bulk },
      ratio: median(late.fast.map((value, round) => value / late.bulk[round]!)),
      target: { of: 'ratio', atMost: 1 },
      note: spread(late.fast),
    } as const;
    return { rows: [row], skipped: beds.skipped };
  },
};

async function measure(mode: 'fast' | 'bulk', beds: Beds, context: PartContext): Promise<number[]> {
  await using bed = await beds.start(LINKS);
  await using children = new Children(context);
  const stage = await Stage.build(bed, children, 'one');
  const count = WARM_UP + (context.quick ? COUNTS.quick : COUNTS.full);
  const { arrivals, error } = await stage.run({
    request: { kind: 'drip', ...MESSAGE, intent: { mode }, besideBulk: true },
    maxBytes: count * MESSAGE.messageBytes,
    maxMs: 3 * count * MESSAGE.everyMs,
  });
  if (error !== undefined) throw new Error(`${mode}: broke off: ${error}`);
  return lateness(arrivals, MESSAGE).slice(WARM_UP);
}
