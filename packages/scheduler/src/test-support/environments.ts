import type { Link } from './simulation.js';

export interface Environment {
  readonly name: string;
  readonly links: readonly Link[];
  /** What the receiver holds out of order; 16 MB unless given. */
  readonly receiverBytes?: number;
}

/** Where schedulers are compared: two to four paths, from alike to as unlike as they come. */
export const ENVIRONMENTS: readonly Environment[] = [
  { name: 'two alike', links: [wire(20, 20), wire(20, 20)] },
  { name: 'four alike', links: [wire(20, 20), wire(20, 20), wire(20, 20), wire(20, 20)] },
  { name: 'home: fibre and a phone', links: [wire(100, 10), wire(20, 60)] },
  { name: 'DSL and a phone with more rate', links: [wire(10, 25), wire(40, 60)] },
  { name: 'near and slow, far and fast', links: [wire(2, 5), wire(50, 150)] },
  { name: 'a tenth of the rate', links: [wire(50, 20), wire(5, 20)] },
  { name: 'a hundredth of the rate, fifteen times the RTT', links: [wire(100, 20), wire(1, 300)] },
  { name: 'a satellite beside a cable', links: [wire(30, 30), wire(30, 600)] },
  { name: 'data centre: fast and faster', links: [wire(1000, 1), wire(400, 2)] },
  { name: 'three, each slower and farther', links: [wire(20, 20), wire(10, 40), wire(5, 60)] },
  { name: 'four from LAN to modem', links: [wire(100, 2), wire(20, 30), wire(5, 80), wire(0.5, 250)] },
  { name: 'one good, three hopeless', links: [wire(50, 15), wire(1, 200), wire(1, 250), wire(1, 300)] },
  { name: 'the near one loses 2 %', links: [{ ...wire(20, 20), lossRate: 0.02 }, wire(20, 60)] },
  { name: 'the far one loses 5 %', links: [wire(20, 20), { ...wire(20, 80), lossRate: 0.05 }] },
  {
    name: 'both lose 1 %',
    links: [
      { ...wire(20, 30), lossRate: 0.01 },
      { ...wire(10, 50), lossRate: 0.01 },
    ],
  },
  { name: 'a lossy crowd of four', links: [wire(10, 20), wire(10, 40), lossy(10, 60), lossy(10, 80)] },
  { name: 'a small window, unlike paths', links: [wire(20, 20), wire(5, 150)], receiverBytes: 131_072 },
  { name: 'a tiny window, paths very unlike', links: [wire(50, 10), wire(2, 300)], receiverBytes: 65_536 },
  { name: 'a rate said to be twice what it is', links: [wire(20, 20), { ...wire(5, 100), rateError: 2 }] },
  {
    name: 'a phone that loses 10 %, a cable that loses none',
    links: [wire(50, 12), { ...wire(10, 90), lossRate: 0.1 }],
  },
];

function wire(mbits: number, rttMs: number): Link {
  return { mbits, rttMs };
}

function lossy(mbits: number, rttMs: number): Link {
  return { mbits, rttMs, lossRate: 0.03 };
}
