import { measureKwik, measureMptcp, type Cuts } from '../failover/measure.js';
import { plotsOf } from '../failover/plots.js';
import { rowNames, rowsOf } from '../failover/rows.js';
import { scheduleOf, SETTINGS } from '../failover/settings.js';
import { median } from '../harness/stats.js';
import { Children } from '../harness/children.js';
import { chooseBeds } from '../links/choose-bed.js';
import type { Part, PartContext } from '../part.js';

/** Sessions at once: each waits most of the time, and together they leave the processor half idle. */
const AT_ONCE = 3;
const SEED = 4;

export const failover: Part = {
  name: 'failover',
  about: "the reader's gap when links are silently cut under way, and the way back",
  async run(context) {
    const settings = SETTINGS.filter(
      (setting) => (setting.quick || !context.quick) && rowNames(setting).some((name) => context.wanted(name)),
    );
    await using beds = await chooseBeds();
    const makeChildren = (): Children => new Children(context);
    const kwik: (Cuts | undefined)[] = [];
    const mptcp: (Cuts | undefined)[] = [];
    const jobs = settings.flatMap((setting, index) => {
      const schedule = scheduleOf(setting, context.quick);
      const tell = (who: string, cuts: Cuts): Cuts => {
        progress(context, who, cuts);
        return cuts;
      };
      const job = async (): Promise<void> => {
        kwik[index] = tell('', await measureKwik(setting, schedule, SEED + index, { beds, makeChildren }));
      };
      const reference = async (): Promise<void> => {
        mptcp[index] = tell('MPTCP, ', await measureMptcp(setting, schedule, SEED + index, beds));
      };
      return beds.mptcp && setting.kind === 'paths' ? [job, reference] : [job];
    });
    await inTurns(jobs, AT_ONCE);
    const all = kwik.flatMap((cuts) => cuts ?? []);
    const references = mptcp.flatMap((cuts) => cuts ?? []);
    return {
      rows: all.flatMap((cuts, index) => rowsOf(cuts, mptcp[index])),
      plots: plotsOf(all, references),
      skipped: beds.skipped,
    };
  },
};

/** With so many under way at a time. */
async function inTurns(jobs: readonly (() => Promise<void>)[], atOnce: number): Promise<void> {
  const waiting = [...jobs];
  const turn = async (): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) await job();
  };
  await Promise.all(Array.from({ length: atOnce }, turn));
}

function progress(context: PartContext, who: string, { setting, outages, steadyShare }: Cuts): void {
  const gaps = outages.map(({ gapMs }) => Math.round(gapMs));
  const load = setting.kind === 'light' ? '' : `; ${Math.round(100 * steadyShare)} % of the sum before`;
  context.log(`${who}${setting.name}: gaps median ${median(gaps)}, most ${Math.max(...gaps)} ms${load}`);
}
