import { measureKwik, measureMptcp, type Cuts } from '../failover/measure.js';
import { plotsOf } from '../failover/plots.js';
import { rowNames, rowsOf } from '../failover/rows.js';
import { isLight, scheduleOf, SETTINGS } from '../failover/settings.js';
import { median } from '../harness/stats.js';
import { Children } from '../harness/children.js';
import { chooseBeds } from '../links/choose-bed.js';
import type { Part, PartContext } from '../part.js';

const SEED = 4;

interface Job {
  readonly name: string;
  readonly run: () => Promise<void>;
}

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
    // Loaded sessions one at a time: three of them together leave no processor to one that shall take over. What needs
    // little of it runs beside them.
    const loaded: Job[] = [];
    const beside: Job[] = [];
    settings.forEach((setting, index) => {
      const schedule = scheduleOf(setting, context.quick);
      const tell = (who: string, cuts: Cuts): Cuts => {
        progress(context, who, cuts);
        return cuts;
      };
      const measure = async (): Promise<void> => {
        kwik[index] = tell('', await measureKwik(setting, schedule, SEED + index, { beds, makeChildren }));
      };
      const reference = async (): Promise<void> => {
        mptcp[index] = tell('MPTCP, ', await measureMptcp(setting, schedule, SEED + index, beds));
      };
      (isLight(setting.kind) ? beside : loaded).push({ name: setting.name, run: measure });
      if (beds.mptcp && setting.kind === 'paths') beside.push({ name: `MPTCP, ${setting.name}`, run: reference });
    });
    const failures = (await Promise.all([oneByOne(loaded), oneByOne(beside)])).flat();
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

/** Returns why some failed: a long run shall not be lost for one of them. */
async function oneByOne(jobs: readonly Job[]): Promise<string[]> {
  const failures: string[] = [];
  for (const { name, run } of jobs) {
    try {
      await run();
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return failures;
}

function progress(context: PartContext, who: string, { setting, outages, steadyShare }: Cuts): void {
  const gaps = outages.map(({ gapMs }) => Math.round(gapMs));
  const load = isLight(setting.kind) ? '' : `; ${Math.round(100 * steadyShare)} % of the sum before`;
  context.log(`${who}${setting.name}: gaps median ${median(gaps)}, most ${Math.max(...gaps)} ms${load}`);
}
