import type { Children } from '../harness/children.js';
import type { Beds } from '../links/choose-bed.js';
import { bytesAt, countOfArrivals } from '../links/count.js';
import type { LinkBed, LinkCounts } from '../links/link-bed.js';
import { nowMs, type RunResult } from '../links/messages.js';
import { Stage, type RunOptions } from '../links/stage.js';
import type { Environment } from './environments.js';

export interface Bounds {
  readonly maxBytes: number;
  readonly maxMs: number;
}

/** One environment, measured once. */
export interface Measured {
  readonly environment: Environment;
  /** Goodput of each path alone, Mbit/s. Of equal links one is measured and stands for all. */
  readonly aloneMbit: readonly number[];
  /**
   * The same over the time that the session took, for what starts slowly brings less by then; of paths that were faster
   * alone, over their own.
   */
  readonly aloneInTimeMbit: readonly number[];
  /** The very first transfer of these processes, over all links: V8 compiles meanwhile. */
  readonly firstMbit: number;
  readonly together: Transfer;
  /** One server with a path per link. */
  readonly oneServer?: Transfer;
  readonly mptcpMbit?: number;
}

export interface Transfer {
  readonly mbit: number;
  readonly result: RunResult;
  /** Payload bytes by link. */
  readonly byLink: readonly number[];
  /** Link of each address of a path. */
  readonly linkOf: ReadonlyMap<string, number>;
  /** Packets that the links' queues dropped on the way to the client. */
  readonly queueDrops: readonly number[];
}

/** Whole transfers that come first: after 60 MB V8 has compiled what they need. */
const WARM_UPS = 3;
/** For what a closed session still has on the links. */
const DRAIN_MS = 100;

/** All contenders of an environment in turn, over links of their own. */
export async function measure(
  environment: Environment,
  bounds: Bounds,
  { beds, makeChildren }: { readonly beds: Beds; readonly makeChildren: () => Children },
): Promise<Measured> {
  const measured = await withStage('each', environment, beds, makeChildren, bounds, async (stage, firstMbit) => {
    const alone: (Transfer | undefined)[] = [];
    for (const [link, spec] of environment.links.entries()) {
      const twin = environment.links.findIndex((other) => JSON.stringify(other) === JSON.stringify(spec));
      const unused = environment.goal.of === 'good' && link > 0;
      alone.push(twin < link ? alone[twin] : unused ? undefined : await transfer(stage, bounds, [link]));
    }
    const together = await transfer(stage, bounds, undefined, environment);
    const reference = beds.mptcp && environment.silent === undefined ? await mptcpMbit(stage.bed, bounds) : undefined;
    const spanMs = together.result.endMs - together.result.startMs;
    return {
      environment,
      aloneMbit: alone.map((transfer) => transfer?.mbit ?? 0),
      aloneInTimeMbit: alone.map((transfer) => (transfer === undefined ? 0 : mbitWithin(transfer.result, spanMs))),
      firstMbit,
      together,
      ...(reference === undefined ? {} : { mptcpMbit: reference }),
    };
  });
  if (environment.oneServer !== true) return measured;
  const oneServer = await withStage('one', environment, beds, makeChildren, bounds, (stage) => transfer(stage, bounds));
  return { ...measured, oneServer };
}

/** A megabit is a million bits; set-up included, as for all others. */
async function mptcpMbit(bed: LinkBed, { maxBytes, maxMs }: Bounds): Promise<number | undefined> {
  const transfer = await bed.mptcp?.(maxBytes, maxMs);
  if (transfer === undefined) return undefined;
  if (transfer.subflows < bed.specs.length) throw new Error(`MPTCP had ${transfer.subflows} subflows`);
  await drain(bed);
  return (transfer.bytes * 8) / transfer.seconds / 1e6;
}

async function withStage<T>(
  servers: 'each' | 'one',
  { links }: Environment,
  beds: Beds,
  makeChildren: () => Children,
  bounds: Bounds,
  use: (stage: Stage, firstMbit: number) => Promise<T>,
): Promise<T> {
  await using bed = await beds.start(links);
  await using children = makeChildren();
  const stage = await Stage.build(bed, children, servers);
  const firstMbit = await warmUp(stage, bounds);
  return await use(stage, firstMbit);
}

/** Servers and clients that have run for a while are what is measured; the first transfer's goodput is told beside it. */
async function warmUp(stage: Stage, bounds: Bounds): Promise<number> {
  const untilMs = nowMs() + 2 * bounds.maxMs;
  const first = await transfer(stage, bounds);
  for (let more = WARM_UPS - 1; more > 0 && nowMs() < untilMs; more--) await transfer(stage, bounds);
  return first.mbit;
}

async function transfer(
  stage: Stage,
  { maxBytes, maxMs }: Bounds,
  links?: readonly number[],
  { silent }: Partial<Environment> = {},
): Promise<Transfer> {
  const { bed } = stage;
  const before = await allCounts(bed);
  const last = bed.specs.length - 1;
  if (silent?.fromMs === 0) await bed.cut(last);
  const running = stage.running();
  const options: RunOptions = {
    request: { kind: stage.servers === 'each' ? 'content' : 'bulk', bytes: maxBytes },
    maxBytes,
    maxMs,
  };
  const run = stage.run(links === undefined ? options : { ...options, links });
  if (silent !== undefined && silent.fromMs > 0) {
    await Promise.race([running, run]);
    await wait(silent.fromMs);
    await bed.cut(last);
  }
  const result = await run;
  if (result.error !== undefined) throw new Error(`a transfer broke off after ${result.bytes} bytes: ${result.error}`);
  if (silent !== undefined) await bed.heal(last);
  const after = await allCounts(bed);
  await drain(bed);
  return {
    mbit: goodputMbit(result),
    result,
    byLink: bed.specs.map((_, link) => bytesOf(result, (address) => stage.linkOf(address) === link)),
    linkOf: new Map(result.paths.map(({ address }) => [address, stage.linkOf(address)])),
    queueDrops: after.map(({ down }, link) => down.droppedByQueue - before[link]!.down.droppedByQueue),
  };
}

function goodputMbit({ bytes, startMs, endMs }: Pick<RunResult, 'bytes' | 'startMs' | 'endMs'>): number {
  return (bytes * 8) / (endMs - startMs) / 1000;
}

/** Goodput of the first `ms`, or of all when that was over sooner. */
function mbitWithin({ arrivals, startMs, endMs }: RunResult, ms: number): number {
  const untilMs = Math.min(endMs, startMs + ms);
  return goodputMbit({ bytes: bytesAt(countOfArrivals(arrivals), untilMs), startMs, endMs: untilMs });
}

function bytesOf({ paths }: RunResult, belongs: (address: string) => boolean): number {
  return paths.reduce((sum, path) => sum + (belongs(path.address) ? path.receivedBytes : 0), 0);
}

function allCounts(bed: LinkBed): Promise<LinkCounts[]> {
  return Promise.all(bed.specs.map((_, link) => bed.counts(link)));
}

async function drain(bed: LinkBed): Promise<void> {
  await wait(DRAIN_MS + 2 * Math.max(...bed.specs.map(({ delayMs, queueMs = 50 }) => delayMs + queueMs)));
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
