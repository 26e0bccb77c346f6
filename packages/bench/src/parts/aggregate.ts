import { ENVIRONMENTS, type Environment } from '../aggregate/environments.js';
import { measure, type Measured } from '../aggregate/measure.js';
import { plotsOf } from '../aggregate/plots.js';
import { medianBenefitRow, rowNames, rowsOf } from '../aggregate/rows.js';
import { Children } from '../harness/children.js';
import { chooseBeds } from '../links/choose-bed.js';
import type { Part, PartContext } from '../part.js';

/** 20 MB or 6 s, whichever is less, connection set-up included. */
const FULL = { maxBytes: 20_000_000, maxMs: 6000 };
const QUICK = { maxBytes: 5_000_000, maxMs: 2000 };
/** No further round is begun when it would not end by then. */
const BUDGET_MS = 14 * 60_000;

export const aggregate: Part = {
  name: 'aggregate',
  about: 'one session over several servers behind emulated links, beside each path alone, the sum, and MPTCP',
  async run(context) {
    const environments = ENVIRONMENTS.filter(
      (environment) =>
        (environment.quick === true || !context.quick) && rowNames(environment).some((name) => context.wanted(name)),
    );
    await using beds = await chooseBeds();
    const makeChildren = (): Children => new Children(context);
    const rounds = new Map<Environment, Measured[]>(environments.map((environment) => [environment, []]));
    const startMs = performance.now();
    for (let round = 0; round < context.rounds && hasTime(startMs, round); round += 1) {
      for (const environment of environments) {
        const measured = await measure(environment, context.quick ? QUICK : FULL, { beds, makeChildren });
        rounds.get(environment)!.push(measured);
        progress(context, measured);
      }
    }
    const measured = [...rounds.values()];
    return {
      rows: [...measured.flatMap(rowsOf), ...medianBenefitRow(measured)],
      plots: plotsOf(measured),
      skipped: beds.skipped,
    };
  },
};

function hasTime(startMs: number, roundsDone: number): boolean {
  const spentMs = performance.now() - startMs;
  return roundsDone === 0 || spentMs + spentMs / roundsDone <= BUDGET_MS;
}

function progress(context: PartContext, { environment, aloneMbit, together, oneServer, mptcpMbit }: Measured): void {
  const figures = [
    `alone ${aloneMbit.map((mbit) => mbit.toFixed(1)).join(' + ')}`,
    `together ${together.mbit.toFixed(1)}`,
    ...(oneServer === undefined ? [] : [`one server ${oneServer.mbit.toFixed(1)}`]),
    ...(mptcpMbit === undefined ? [] : [`MPTCP ${mptcpMbit.toFixed(1)}`]),
  ];
  context.log(`${environment.name}: ${figures.join(', ')} Mbit/s`);
}
