import { createLinks } from '@kwik/testbed';
import { makeCredentials } from '../harness/certificates.js';
import { Children } from '../harness/children.js';
import { median, spread } from '../harness/stats.js';
import { type Beds, chooseBeds } from '../links/choose-bed.js';
import { Stage } from '../links/stage.js';
import type { Part, PartContext, Row } from '../part.js';
import type { calls, FirstByteKind } from './start/child.js';

/** Long, so that what computing takes is little of it. */
const RTT_MS = 100;

/** In round trips. What they take besides is computing. */
const FIRST_BYTES: readonly { readonly name: string; readonly kind: FirstByteKind; readonly atMost: number }[] = [
  { name: 'first byte, cold dial', kind: 'dial', atMost: 3.3 },
  { name: 'first byte, dial with early', kind: 'early', atMost: 2.3 },
  { name: 'first byte, resumed, 0-RTT', kind: 'repeatable', atMost: 1.3 },
  { name: 'connect, socket', kind: 'connect', atMost: 2.3 },
  { name: 'first byte, socket', kind: 'socket', atMost: 3.3 },
  { name: 'first byte, socket with fastOpen', kind: 'fast-open', atMost: 2.3 },
];

/** What a second transfer of a process has over its first. */
const WARM = 'second 20 MB of the processes, 4 × 50 Mbit/s';
/** The same by servers that remember what the paths carried. At those of this machine's own addresses nothing is remembered. */
const RESUMED = 'second 20 MB, careful resume, 4 × 50 Mbit/s';
const WARM_LINKS = [0, 1, 2, 3].map(() => ({ rateMbit: 50, delayMs: 10 }));
const FULL = { maxBytes: 20_000_000, maxMs: 6000 };
const QUICK = { maxBytes: 5_000_000, maxMs: 3000 };
/** For what the first one left in queues, and longer than connections to one peer are kept apart (`PathMemory`). */
const PAUSE_MS = 1500;

/** How long it takes until content comes, and how fast it comes then. */
export const start: Part = {
  name: 'start',
  about: 'the first byte in round trips, over a link of 100 ms there and back, and a second transfer beside the first',
  async run(context) {
    const wanted = FIRST_BYTES.filter(({ name }) => context.wanted(name));
    const rows = wanted.length === 0 ? [] : await firstByteRows(wanted, context);
    const isWarm = [WARM, RESUMED].some((name) => context.wanted(name));
    if (!isWarm) return { rows };
    await using beds = await chooseBeds();
    const warm = await warmRows(beds, context);
    return { rows: [...rows, ...warm.filter(({ name }) => context.wanted(name))], skipped: beds.skipped };
  },
};

async function firstByteRows(wanted: typeof FIRST_BYTES, context: PartContext): Promise<Row[]> {
  const echoes: number[] = [];
  const times = wanted.map((): number[] => []);
  for (let round = 0; round < context.rounds; round += 1) {
    const measured = await firstBytes(['echo', ...wanted.map(({ kind }) => kind)], context);
    echoes.push(measured[0]!);
    for (const [index, each] of times.entries()) each.push(measured[index + 1]!);
    context.log(`round ${round + 1}, milliseconds: ${measured.map((ms) => ms.toFixed(0)).join(', ')}`);
  }
  return wanted.map(({ name, atMost }, index) => ({
    name,
    value: median(times[index]!),
    unit: 'ms',
    reference: { name: 'echo', value: median(echoes) },
    ratio: median(times[index]!.map((ms, round) => ms / echoes[round]!)),
    target: { of: 'ratio', atMost },
    note: spread(times[index]!),
  }));
}

/** Medians, milliseconds. */
async function firstBytes(kinds: readonly FirstByteKind[], context: PartContext): Promise<number[]> {
  await using children = new Children(context);
  const credentials = await makeCredentials();
  const file = new URL('./start/child.js', import.meta.url);
  const server = children.start<typeof calls>(file, { label: 'start-server' });
  const client = children.start<typeof calls>(file, { label: 'start-client' });
  const ports = await server.call('serve', credentials);
  const shape = (port: number) => ({ target: { host: '127.0.0.1', port }, both: { delayMs: RTT_MS / 2 } });
  await using links = await createLinks({ sessions: shape(ports.sessions), sockets: shape(ports.sockets) });
  const { sessions, sockets } = links.links;
  const medians: number[] = [];
  for (const kind of kinds) {
    const task = { kind, sessions: sessions.port, sockets: sockets.port, caPem: credentials.caPem };
    const measured = await client.call('firstBytes', { ...task, count: context.quick ? 2 : 8 });
    medians.push(median(measured));
  }
  return medians;
}

/** `resumed`: the servers begin from what they learned in the first; without, in another bed, they begin as ever. */
async function warmRows(beds: Beds, context: PartContext): Promise<Row[]> {
  const plain: Pair[] = [];
  const resumed: Pair[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    for (const [carefulResume, pairs] of [
      [false, plain],
      [true, resumed],
    ] as const) {
      const pair = await twice(beds, carefulResume, context);
      pairs.push(pair);
      const how = carefulResume ? ', careful resume' : '';
      context.log(`round ${round + 1}${how}: ${pair.firstMbit.toFixed(1)}, then ${pair.secondMbit.toFixed(1)} Mbit/s`);
    }
  }
  const seconds = (pairs: readonly Pair[]): number[] => pairs.map(({ secondMbit }) => secondMbit);
  const firsts = plain.map(({ firstMbit }) => firstMbit);
  const row = (name: string, values: readonly number[], called: string, reference: readonly number[]): Row => ({
    name,
    value: median(values),
    unit: 'Mbit/s',
    reference: { name: called, value: median(reference) },
    ratio: median(values.map((mbit, round) => mbit / reference[round]!)),
    note: spread(values),
  });
  return [
    row(WARM, seconds(plain), 'the first, which compiles', firsts),
    row(RESUMED, seconds(resumed), 'without', seconds(plain)),
  ];
}

interface Pair {
  readonly firstMbit: number;
  readonly secondMbit: number;
}

async function twice(beds: Beds, carefulResume: boolean, context: PartContext): Promise<Pair> {
  await using bed = await beds.start(WARM_LINKS);
  await using children = new Children(context);
  const stage = await Stage.build(bed, children, 'each', carefulResume);
  const firstMbit = await transfer(stage, context);
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  return { firstMbit, secondMbit: await transfer(stage, context) };
}

/** Mbit/s. */
async function transfer(stage: Stage, context: PartContext): Promise<number> {
  const bounds = context.quick ? QUICK : FULL;
  const { bytes, startMs, endMs, error } = await stage.run({
    request: { kind: 'content', bytes: bounds.maxBytes },
    ...bounds,
  });
  if (error !== undefined) throw new Error(`a transfer broke off after ${bytes} bytes: ${error}`);
  return (bytes * 8) / (endMs - startMs) / 1000;
}
