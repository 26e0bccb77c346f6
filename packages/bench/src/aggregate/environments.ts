import type { LinkSpec } from '../links/link-bed.js';

/** What an environment's figure is held against. */
export type Goal =
  /** Share of what the links allow together. */
  | { readonly of: 'sum'; readonly atLeast: number }
  /** Aggregation benefit; counted into the median of all of them when `inMedian`. */
  | { readonly of: 'benefit'; readonly atLeast: number; readonly inMedian: boolean }
  /** Goodput of the first path alone. */
  | { readonly of: 'good'; readonly atLeast: number };

export interface Environment {
  readonly name: string;
  readonly links: readonly LinkSpec[];
  readonly goal: Goal;
  /** Also over one server with a path per link, which is what MPTCP does. */
  readonly oneServer?: boolean;
  /** Held against MPTCP over the same links, where there is one: its goodput is to be exceeded. */
  readonly beatsMptcp?: boolean;
  /** The last link falls silent: before the dial, or so long after the first byte. */
  readonly silent?: { readonly fromMs: number };
  /** Part of `--quick`. */
  readonly quick?: boolean;
}

/** MPTCP's own table (simult_flows.sh of the kernel's selftests): rates, and delays one way. */
const SIMULT_FLOWS: readonly (readonly [rates: readonly [number, number], delays: readonly [number, number]])[] = [
  [
    [10, 10],
    [0, 0],
  ],
  [
    [10, 10],
    [1, 25],
  ],
  [
    [15, 5],
    [0, 0],
  ],
  [
    [15, 5],
    [1, 25],
  ],
  [
    [15, 5],
    [25, 1],
  ],
];

const PLAIN: LinkSpec = { rateMbit: 20, delayMs: 20 };
/** As in published traces: a deep queue, a moving delay, little loss. */
const LTE: LinkSpec = { rateMbit: 20, delayMs: 30, queueMs: 200, jitterMs: 8, lossRate: 0.001 };
const FIBRE: LinkSpec = { rateMbit: 50, delayMs: 5 };
const GOOD: LinkSpec = { rateMbit: 20, delayMs: 10 };

export const ENVIRONMENTS: readonly Environment[] = [
  ...equal(2, [10, 20, 50]),
  ...equal(4, [10, 20, 50]),
  ...SIMULT_FLOWS.map(
    ([rates, delays], index): Environment => ({
      name: `simult_flows ${rates.join(',')} Mbit/s ${delays.join(',')} ms`,
      links: rates.map((rateMbit, link) => ({ rateMbit, delayMs: delays[link]! })),
      goal: { of: 'sum', atLeast: 0.92 },
      oneServer: true,
      quick: index === 1 || index === 4,
    }),
  ),
  ...[40, 80, 140, 240, 640].map(
    (rttMs): Environment => ({
      name: `2 × 50 Mbit/s, 40 ms beside ${rttMs} ms`,
      links: [40, rttMs].map((rtt) => ({ rateMbit: 50, delayMs: rtt / 2 })),
      goal: { of: 'benefit', atLeast: rttMs > 240 ? 0 : 0.8, inMedian: false },
      oneServer: true,
      beatsMptcp: true,
      quick: rttMs === 240,
    }),
  ),
  mixed('loss 0.5 %', both({ ...PLAIN, lossRate: 0.005 })),
  mixed('loss 2 %', both({ ...PLAIN, lossRate: 0.02 }), true),
  mixed('jitter 5 ms', both({ ...PLAIN, jitterMs: 5 })),
  mixed('jitter 20 ms', both({ ...PLAIN, jitterMs: 20 })),
  mixed('capacity 4:1', [
    { ...PLAIN, rateMbit: 40 },
    { ...PLAIN, rateMbit: 10 },
  ]),
  mixed('capacity 10:1', [
    { ...PLAIN, rateMbit: 50 },
    { ...PLAIN, rateMbit: 5 },
  ]),
  mixed('two LTE', [LTE, { ...LTE, rateMbit: 12, delayMs: 40 }]),
  mixed('fibre and LTE', [FIBRE, LTE], true),
  mixed('LTE and satellite', [LTE, { rateMbit: 10, delayMs: 300, queueMs: 200, lossRate: 0.005 }]),
  mixed('congested', both({ rateMbit: 10, delayMs: 30, queueMs: 12, lossRate: 0.01, jitterMs: 10 })),
  beside('silent from the start', GOOD, { fromMs: 0 }),
  beside('silent after 0.5 s', GOOD, { fromMs: 500 }),
  beside('1 Mbit/s and 200 ms', { rateMbit: 1, delayMs: 100, queueMs: 200 }),
  beside('0.3 Mbit/s, 600 ms and 5 % loss', { rateMbit: 0.3, delayMs: 300, queueMs: 500, lossRate: 0.05 }),
];

function equal(count: number, rates: readonly number[]): Environment[] {
  return rates.map((rateMbit) => ({
    name: `${count} equal × ${rateMbit} Mbit/s, 20 ms`,
    links: Array.from({ length: count }, () => ({ rateMbit, delayMs: 10 })),
    goal: { of: 'sum', atLeast: 0.95 },
    quick: rateMbit === 20,
  }));
}

function both(link: LinkSpec): LinkSpec[] {
  return [link, link];
}

function mixed(name: string, links: readonly LinkSpec[], quick = false): Environment {
  return { name, links, goal: { of: 'benefit', atLeast: 0, inMedian: true }, quick };
}

/** A path that is worth little beside a good one. */
function beside(name: string, bad: LinkSpec, silent?: { readonly fromMs: number }): Environment {
  const environment: Environment = {
    name: `good beside ${name}`,
    links: [GOOD, bad],
    goal: { of: 'good', atLeast: 0.97 },
    quick: silent?.fromMs === 500,
  };
  return silent === undefined ? environment : { ...environment, silent };
}
