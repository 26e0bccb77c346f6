import { measureKwik, type Cuts } from '../failover/measure.js';
import { rowsOf } from '../failover/rows.js';
import { FULL, QUICK, SETTINGS, type Setting } from '../failover/settings.js';
import { median } from '../harness/stats.js';
import { Children } from '../harness/children.js';
import { chooseBed } from '../links/choose-bed.js';
import type { Part, PartContext } from '../part.js';

/** Sessions at once: each waits most of the time, and together they leave the processor half idle. */
const AT_ONCE = 4;
const SEED = 4;

export const failover: Part = {
  name: 'failover',
  about: "the reader's gap when links are silently cut under way, and the way back",
  async run(context) {
    const settings = SETTINGS.filter(({ name, quick }) => (quick || !context.quick) && context.wanted(name));
    const { startBed, skipped } = await chooseBed();
    const makeChildren = (): Children => new Children(context);
    const measured = await inTurns(settings, AT_ONCE, async (setting) => {
      const schedule = context.quick ? QUICK : FULL;
      const cuts = await measureKwik(setting, schedule, SEED + settings.indexOf(setting), { startBed, makeChildren });
      progress(context, cuts);
      return cuts;
    });
    return { rows: measured.flatMap((cuts) => rowsOf(cuts)), skipped };
  },
};

/** As Promise.all over `work`, with so many at a time. */
async function inTurns<T, R>(items: readonly T[], atOnce: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Map<T, R>();
  const waiting = [...items];
  const turn = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) results.set(item, await work(item));
  };
  await Promise.all(Array.from({ length: atOnce }, turn));
  return items.map((item) => results.get(item)!);
}

function progress(context: PartContext, { setting, outages, steadyShare }: Cuts & { readonly setting: Setting }): void {
  const gaps = outages.map(({ gapMs }) => Math.round(gapMs));
  context.log(
    `${setting.name}: gaps median ${median(gaps)}, most ${Math.max(...gaps)} ms; ${Math.round(100 * steadyShare)} % of the sum before`,
  );
}
