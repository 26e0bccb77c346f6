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
      const named = (run: () => Promise<void>): (() => Promise<void>) => {
        return () => run().catch((error: unknown) => Promise.reject(new Error(`${setting.name}: ${String(error)}`)));
      };
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
      return (beds.mptcp && setting.kind === 'paths' ? [job, reference] : [job]).map(named);
    });
    const failures = await inTurns(jobs, AT_ONCE);
    for (const failure of failures) context.log(`broke off: ${failure}`);
    const all = kwik.flatMap((cuts) => cuts ?? []);
    const references = mptcp.flatMap((cuts) => cuts ?? []);
    return {
      rows: kwik.flatMap((cuts, index) => (cuts === undefined ? [] : rowsOf(cuts, mptcp[index]))),
      plots: plotsOf(all, references),
      skipped: beds.skipped,
      failures,
    };
  },
};

/** With so many under way at a time; returns why some failed. A long run shall not be lost for one of them. */
async function inTurns(jobs: readonly (() => Promise<void>)[], atOnce: number): Promise<string[]> {
  const waiting = [...jobs];
  const failures: string[] = [];
  const turn = async (): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      try {
        await job();
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, turn));
  return failures;
}

function progress(context: PartContext, who: string, { setting, outages, steadyShare }: Cuts): void {
  const gaps = outages.map(({ gapMs }) => Math.round(gapMs));
  const load = setting.kind === 'light' ? '' : `; ${Math.round(100 * steadyShare)} % of the sum before`;
  context.log(`${who}${setting.name}: gaps median ${median(gaps)}, most ${Math.max(...gaps)} ms${load}`);
}
