import { Children } from '../harness/children.js';
import { median } from '../harness/stats.js';
import type { Part, PartContext } from '../part.js';
import { type Measured, RelayStage, type Strike } from './relays/measure.js';
import { rowNames, rowsOf } from './relays/rows.js';
import { scheduleOf, SETTINGS, type Setting } from './relays/settings.js';

const SEED = 16;

/** What a program waits for over a socket whose connection goes by way of two relays. */
export const relays: Part = {
  name: 'relays',
  about: 'how long a program over a socket waits when one of its two relays falls silent, or is drained',
  async run(context) {
    const settings = SETTINGS.filter(
      (setting) => (setting.quick || !context.quick) && rowNames(setting).some((name) => context.wanted(name)),
    );
    const all: Measured[] = [];
    const failures: string[] = [];
    for (const [index, setting] of settings.entries()) {
      try {
        all.push(await measure(setting, SEED + index, context));
      } catch (error) {
        failures.push(`${setting.load.words}, ${setting.rttMs} ms: ${String(error)}`);
      }
    }
    return { rows: all.flatMap(rowsOf).filter(({ name }) => context.wanted(name)), failures };
  },
};

async function measure(setting: Setting, seed: number, context: PartContext): Promise<Measured> {
  await using children = new Children(context);
  await using stage = await RelayStage.build(children, setting.rttMs);
  const measured = await stage.measure(setting, scheduleOf(context.quick), seed);
  const words = (strikes: readonly Strike[]): string => `${Math.round(median(strikes.map(({ gapMs }) => gapMs)))} ms`;
  context.log(
    `${setting.load.words}, ${setting.rttMs} ms: gaps median ${words(measured.silent)}, drained ${words(measured.drained)}`,
  );
  return measured;
}
