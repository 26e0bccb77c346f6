import { median, spread } from '../../harness/stats.js';
import type { PartContext, Row, Target } from '../../part.js';
import { type Course, measureInTurn, type Run } from './measure.js';

type Figure = 'goodput' | 'clientCpu' | 'serverCpu' | 'forwarderCpu';

/** A row to be: one figure of two courses. */
export interface RowSpec<Name extends string> {
  readonly name: string;
  /** Default: goodput. */
  readonly figure?: Figure;
  readonly own: Name;
  readonly reference: Name;
  /** Default: `figure`. */
  readonly referenceFigure?: Figure;
  /** What the table calls the reference. */
  readonly called: string;
  readonly target?: Target;
}

export interface Measured<Name extends string> {
  readonly rows: Row[];
  readonly runs: ReadonlyMap<Name, readonly Run[]>;
}

/** Measures what the wanted rows need, and no more. */
export async function measureRows<Name extends string>(
  courses: Readonly<Record<Name, Course>>,
  specs: readonly RowSpec<Name>[],
  context: PartContext,
): Promise<Measured<Name>> {
  const wanted = specs.filter(({ name }) => context.wanted(name));
  const needed = new Set(wanted.flatMap(({ own, reference }) => [own, reference]));
  const entries = (Object.entries(courses) as [Name, Course][]).filter(([name]) => needed.has(name));
  const runs = await measureInTurn(Object.fromEntries(entries) as Record<Name, Course>, context);
  return { rows: wanted.map((spec) => toRow(spec, runs.get(spec.own) ?? [], runs.get(spec.reference) ?? [])), runs };
}

function toRow<Name extends string>(spec: RowSpec<Name>, own: readonly Run[], reference: readonly Run[]): Row {
  const { figure = 'goodput', referenceFigure = figure, name, called, target } = spec;
  const ours = own.map((run) => figureOf(run, figure));
  const theirs = reference.map((run) => figureOf(run, referenceFigure));
  // Within each round: neighbours in time saw the same machine.
  const quotients = ours.map((value, round) => value / theirs[round]!);
  const lessIsBetter = figure !== 'goodput';
  return {
    name,
    value: median(ours),
    unit: lessIsBetter ? 's/GB' : 'MB/s',
    reference: { name: called, value: median(theirs) },
    ratio: median(quotients),
    ...(target === undefined ? {} : { target }),
    ...(lessIsBetter ? { lessIsBetter, note: spread(ours) } : { note: noteOf(own) }),
  };
}

function figureOf(run: Run, figure: Figure): number {
  switch (figure) {
    case 'goodput':
      return run.mbPerSecond;
    case 'clientCpu':
      return run.clientCpuPerGb;
    case 'serverCpu':
      return run.serverCpuPerGb;
    case 'forwarderCpu':
      return run.forwarderCpuPerGb;
  }
}

/** Spread, CPU time of both sides, and the shares of the paths. */
function noteOf(runs: readonly Run[]): string {
  const shares = runs[0]?.shares ?? [];
  const cpu = (figure: Figure): string => median(runs.map((run) => figureOf(run, figure))).toFixed(1);
  return [
    spread(runs.map((run) => run.mbPerSecond)),
    `CPU s/GB: client ${cpu('clientCpu')}`,
    `server ${cpu('serverCpu')}`,
    shares.length > 1 ? `paths ${shares.map((share) => `${Math.round(share * 100)} %`).join(' ')}` : '',
  ]
    .filter((text) => text !== '')
    .join(', ');
}
