import { aggregationBenefit, median, spread } from '../harness/stats.js';
import { allowedMbit } from '../links/allowance.js';
import type { Row } from '../part.js';
import type { Environment } from './environments.js';
import type { Measured, Transfer } from './measure.js';

const ONE_SERVER = ', one server';
const TO_MPTCP = ', to MPTCP';

/** All that an environment may bring. */
export function rowNames({ name }: Environment): string[] {
  return ['', ONE_SERVER, TO_MPTCP, ONE_SERVER + TO_MPTCP].map((end) => name + end);
}

/** Rows of one environment from its rounds. */
export function rowsOf(rounds: readonly Measured[]): Row[] {
  const { environment } = rounds[0]!;
  const { name, goal } = environment;
  const together = rounds.map((round) => round.together);
  const value = median(together.map(({ mbit }) => mbit));
  const rows: Row[] = [];
  const base = { name, value, unit: 'Mbit/s' };
  const sum = { name: 'sum of the links', value: allowedMbit(environment.links) };
  switch (goal.of) {
    case 'sum':
      rows.push({
        ...base,
        reference: sum,
        target: { of: 'ratio', atLeast: goal.atLeast },
        note: `best alone ${figure(bestAlone(rounds))}, first transfer ${figure(firstOf(rounds))}; ${noteOf(together)}`,
      });
      break;
    case 'benefit':
      rows.push({
        ...base,
        reference: { name: 'sum of the paths alone', value: median(rounds.map(({ aloneMbit }) => total(aloneMbit))) },
        ratio: benefitOf(rounds),
        target: { of: 'ratio', atLeast: goal.atLeast },
        note: `ratio: benefit, ${figure(benefitInTimeOf(rounds))} over the same time; best alone ${figure(bestAlone(rounds))}, links allow ${figure(sum.value)}, first transfer ${figure(firstOf(rounds))}; ${noteOf(together)}`,
      });
      break;
    case 'good':
      rows.push({
        ...base,
        reference: { name: 'the good one alone', value: median(rounds.map(({ aloneMbit }) => aloneMbit[0]!)) },
        target: { of: 'ratio', atLeast: goal.atLeast },
        note: noteOf(together),
      });
  }
  return [...rows, ...oneServerRows(rounds), ...mptcpRows(rounds)];
}

/** Median over the environments whose benefit is held against one. */
export function medianBenefitRow(environments: readonly (readonly Measured[])[]): Row[] {
  const counted = environments.filter(([first]) => {
    const goal = first?.environment.goal;
    return goal?.of === 'benefit' && goal.inMedian;
  });
  if (counted.length === 0) return [];
  return [
    {
      name: 'benefit, median of the mixed environments',
      value: median(counted.map(benefitOf)),
      unit: '',
      target: { of: 'value', atLeast: 0.6 },
      note: `${counted.length} environments`,
    },
  ];
}

export function benefitOf(rounds: readonly Measured[]): number {
  return median(
    rounds.map(({ together, aloneMbit }) =>
      aggregationBenefit(together.mbit, Math.max(...aloneMbit), total(aloneMbit)),
    ),
  );
}

/** With the paths alone over the time that the session took. */
function benefitInTimeOf(rounds: readonly Measured[]): number {
  return median(
    rounds.map(({ together, aloneInTimeMbit }) =>
      aggregationBenefit(together.mbit, Math.max(...aloneInTimeMbit), total(aloneInTimeMbit)),
    ),
  );
}

function oneServerRows(rounds: readonly Measured[]): Row[] {
  const { environment } = rounds[0]!;
  const transfers = rounds.flatMap(({ oneServer }) => oneServer ?? []);
  if (transfers.length === 0) return [];
  const value = median(transfers.map(({ mbit }) => mbit));
  const base = { name: environment.name + ONE_SERVER, value, unit: 'Mbit/s', note: noteOf(transfers) };
  const reference = { name: 'sum of the links', value: allowedMbit(environment.links) };
  const { goal } = environment;
  return [
    goal.of === 'sum' ? { ...base, reference, target: { of: 'ratio', atLeast: goal.atLeast } } : { ...base, reference },
  ];
}

function mptcpRows(rounds: readonly Measured[]): Row[] {
  const { environment } = rounds[0]!;
  const figures = rounds.flatMap(({ mptcpMbit }) => mptcpMbit ?? []);
  if (figures.length === 0) return [];
  const reference = { name: 'MPTCP', value: median(figures) };
  const note = `MPTCP ${figure(reference.value / allowedMbit(environment.links))} of the sum`;
  const row = (name: string, transfers: readonly Transfer[]): Row => {
    const base = { name, value: median(transfers.map(({ mbit }) => mbit)), unit: 'Mbit/s', reference, note };
    return environment.beatsMptcp === true ? { ...base, target: { of: 'ratio', atLeast: 1 } } : base;
  };
  const oneServer = rounds.flatMap((round) => round.oneServer ?? []);
  return [
    row(
      environment.name + TO_MPTCP,
      rounds.map(({ together }) => together),
    ),
    ...(oneServer.length > 0 ? [row(environment.name + ONE_SERVER + TO_MPTCP, oneServer)] : []),
  ];
}

function bestAlone(rounds: readonly Measured[]): number {
  return median(rounds.map(({ aloneMbit }) => Math.max(...aloneMbit)));
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

/** Of processes that have just begun. */
function firstOf(rounds: readonly Measured[]): number {
  return median(rounds.map(({ firstMbit }) => firstMbit));
}

/** Which share came over which link, what their queues dropped, how the rounds differ. */
function noteOf(transfers: readonly Transfer[]): string {
  const { byLink, queueDrops } = transfers[0]!;
  const all = total(byLink);
  const shares = byLink.map((bytes) => `${Math.round((100 * bytes) / all)}`).join(':');
  const spreading = spread(transfers.map(({ mbit }) => mbit));
  return [`shares ${shares} %`, `queue drops ${queueDrops.join('+')}`, ...(spreading === '' ? [] : [spreading])].join(
    ', ',
  );
}

function figure(value: number): string {
  return value.toPrecision(3);
}
