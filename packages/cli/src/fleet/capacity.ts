import type { SurveyedServer } from '../servers/survey.js';

export interface CapacityWishes {
  /** How full the servers that stay may be, above 0 to 1. */
  readonly target: number;
  /** Servers that stay in any case. */
  readonly keep: number;
}

type Server = Pick<SurveyedServer, 'server' | 'weight' | 'load' | 'accepting'>;

/** What the servers of a service offer, by their weights, and what they carry of it. */
export interface Capacity {
  /** Weights of the servers that take clients. */
  readonly offered: number;
  /** Weight times load, of all: also of those that drain, whose clients go to the others. */
  readonly carried: number;
  /** Carried of offered, 0 to 1; null: nothing is offered. */
  readonly used: number | null;
  /** Servers that could drain, one after the other in this order, so that the others stay below the target. */
  readonly couldGo: readonly string[];
  /** Servers of the mean weight that are missing to come below the target. */
  readonly missing: number;
  /** Servers whose load nobody knows: they count as full. */
  readonly unknown: readonly string[];
}

/** The servers that carry least go first. */
export function capacityOf(servers: readonly Server[], { target, keep }: CapacityWishes): Capacity {
  const serving = servers.filter(({ accepting }) => accepting);
  const offered = sum(serving.map(({ weight }) => weight));
  const carried = sum(servers.map(carriedBy));
  const couldGo: string[] = [];
  let left = offered;
  for (const { server, weight } of [...serving].sort((a, b) => carriedBy(a) - carriedBy(b) || b.weight - a.weight)) {
    if (serving.length - couldGo.length <= keep || carried > target * (left - weight)) break;
    couldGo.push(server);
    left -= weight;
  }
  const mean = serving.length === 0 ? 1 : offered / serving.length;
  return {
    offered,
    carried,
    used: offered === 0 ? null : carried / offered,
    couldGo,
    missing: Math.max(0, Math.ceil((carried / target - offered) / mean)),
    unknown: serving.filter(({ load }) => load === null).map(({ server }) => server),
  };
}

/** A server that drains and says nothing of its load is as good as gone. */
function carriedBy({ weight, load, accepting }: Server): number {
  return weight * (load ?? (accepting ? 1 : 0));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
