import type { Children } from '../harness/children.js';
import { allowedMbit } from '../links/allowance.js';
import type { Beds } from '../links/choose-bed.js';
import type { LinkBed } from '../links/link-bed.js';
import type { Arrival, PathSample, RunResult, StreamRequest } from '../links/messages.js';
import { Stage } from '../links/stage.js';
import { planOutages, totalMs, type PlannedOutage } from './plan.js';
import { isLight, MESSAGE, RATE_MBIT, RECOVERY_SHARE, type Schedule, type Setting } from './settings.js';
import { countOfPaths, longestGapMs, recoveryMs, type Count } from '../links/count.js';

/** A mean over less than this says little at some hundred packets a second. */
const WINDOW_MS = 250;
const SAMPLE_MS = 20;
/** For its programs to start. */
const MPTCP_START_MS = 500;

/** What one cut did to the reader. */
export interface Outage {
  readonly victims: readonly number[];
  readonly cutMs: number;
  readonly healMs: number;
  /** The next cut, or the end. */
  readonly untilMs: number;
  /** Longest wait between the cut and the next one. */
  readonly gapMs: number;
  /** Of the cut paths, just before; the longest. NaN where nobody knows. */
  readonly srttMs: number;
  /** From the cut to 90 % of what the other links allow; infinite when it was not reached before healing. */
  readonly survivingMs: number;
  /** From healing to 90 % of what all links allow; infinite when it was not reached before the next cut. */
  readonly wholeMs: number;
}

export interface Cuts {
  readonly setting: Setting;
  readonly outages: readonly Outage[];
  /** When the first byte came. */
  readonly startMs: number;
  readonly count: Count;
  /** Share of what the links allow in the half second before the first cut. */
  readonly steadyShare: number;
}

interface Moment extends PlannedOutage {
  readonly cutMs: number;
  readonly healMs: number;
}

/** KWIK over a bed of its own. */
export async function measureKwik(
  setting: Setting,
  schedule: Schedule,
  seed: number,
  { beds, makeChildren }: { readonly beds: Beds; readonly makeChildren: () => Children },
): Promise<Cuts> {
  await using bed = await beds.start(specsOf(setting));
  await using children = makeChildren();
  const stage = await Stage.build(bed, children, setting.kind === 'servers' ? 'each' : 'one');
  const plan = planOutages(setting, schedule, seed);
  const bytes = bytesFor(setting, totalMs(plan, schedule));
  const request = requestOf(setting, bytes);
  const running = stage.running();
  const run = stage.run({ request, maxBytes: bytes, maxMs: 2 * totalMs(plan, schedule), sampleMs: SAMPLE_MS });
  const moments = await Promise.race([perform(bed, plan, schedule, running), endedEarly(run)]);
  await stage.stop();
  const result = await run;
  if (result.error !== undefined) throw new Error(`${setting.name}: broke off: ${result.error}`);
  return evaluate(setting, moments, result.arrivals, countOfPaths(result.samples), srttBefore(result.samples, stage));
}

function requestOf({ kind }: Setting, bytes: number): StreamRequest {
  if (kind === 'servers') return { kind: 'content', bytes };
  if (!isLight(kind)) return { kind: 'bulk', bytes };
  return { kind: 'drip', ...MESSAGE, ...(kind === 'reliable' && { intent: { mode: 'reliable' } }) };
}

/** The same cuts under Linux's MPTCP. What its reader gets, in order, is all that is seen of it. */
export async function measureMptcp(setting: Setting, schedule: Schedule, seed: number, beds: Beds): Promise<Cuts> {
  await using bed = await beds.start(specsOf(setting));
  if (bed.mptcp === undefined) throw new Error('this bed has no MPTCP');
  const plan = planOutages(setting, schedule, seed);
  const spanMs = totalMs(plan, schedule) + MPTCP_START_MS;
  const [transfer, moments] = await Promise.all([
    bed.mptcp(bytesFor(setting, 2 * spanMs), spanMs + MPTCP_START_MS),
    perform(bed, plan, schedule, wait(MPTCP_START_MS)),
  ]);
  const count = transfer.samples.map(([atMs, bytes]) => ({ atMs: transfer.startedAtMs + atMs, bytes }));
  const arrivals = count.map(({ atMs, bytes }, index) => ({ atMs, bytes: bytes - (count[index - 1]?.bytes ?? 0) }));
  return evaluate(setting, moments, arrivals, count, () => NaN);
}

/** Cuts and heals as planned, when the transfer runs. */
async function perform(
  bed: LinkBed,
  plan: readonly PlannedOutage[],
  { settleMs }: Schedule,
  running: Promise<unknown>,
): Promise<Moment[]> {
  await running;
  await wait(settleMs);
  const moments: Moment[] = [];
  for (const outage of plan) {
    const [cutMs] = await Promise.all(outage.victims.map((link) => bed.cut(link)));
    await wait(outage.downMs);
    const [healMs] = await Promise.all(outage.victims.map((link) => bed.heal(link)));
    await wait(outage.upMs);
    moments.push({ ...outage, cutMs: cutMs!, healMs: healMs! });
  }
  return moments;
}

export function evaluate(
  setting: Setting,
  moments: readonly Moment[],
  arrivals: readonly Arrival[],
  count: Count,
  srttMs: (victims: readonly number[], atMs: number) => number,
): Cuts {
  const whole = allowedMbit(specsOf(setting));
  const surviving = (whole * (setting.links - setting.cut)) / setting.links;
  const outages = moments.map(({ victims, cutMs, healMs, upMs }, index): Outage => {
    const untilMs = moments[index + 1]?.cutMs ?? healMs + upMs;
    const back = (fromMs: number, toMs: number, mbit: number): number =>
      recoveryMs(count, { fromMs, toMs, mbit: mbit * RECOVERY_SHARE, windowMs: WINDOW_MS });
    return {
      victims,
      cutMs,
      healMs,
      untilMs,
      gapMs: longestGapMs(arrivals, cutMs, untilMs),
      srttMs: srttMs(victims, cutMs),
      survivingMs: back(cutMs, healMs, surviving),
      wholeMs: back(healMs, untilMs, whole),
    };
  });
  const firstCutMs = moments[0]?.cutMs ?? 0;
  const before = count.filter(({ atMs }) => atMs >= firstCutMs - 500 && atMs < firstCutMs);
  const spanMs = (before.at(-1)?.atMs ?? 1) - (before[0]?.atMs ?? 0);
  const steadyMbit = (((before.at(-1)?.bytes ?? 0) - (before[0]?.bytes ?? 0)) * 8) / spanMs / 1000;
  return { setting, outages, startMs: arrivals[0]?.atMs ?? firstCutMs, count, steadyShare: steadyMbit / whole };
}

export function specsOf({ links, rttMs }: Setting): { rateMbit: number; delayMs: number }[] {
  return Array.from({ length: links }, () => ({ rateMbit: RATE_MBIT, delayMs: rttMs / 2 }));
}

/** More than the links carry in the time. */
function bytesFor({ links }: Setting, ms: number): number {
  return Math.round((links * RATE_MBIT * 1000 * ms * 1.2) / 8);
}

function srttBefore(
  samples: readonly PathSample[],
  stage: Stage,
): (victims: readonly number[], atMs: number) => number {
  return (victims, cutMs) => {
    const last = samples.findLast(({ atMs }) => atMs <= cutMs);
    const rtts = last?.paths.filter(({ address }) => victims.includes(stage.linkOf(address))).map(({ rttMs }) => rttMs);
    return rtts === undefined || rtts.length === 0 ? NaN : Math.max(...rtts);
  };
}

async function endedEarly(run: Promise<RunResult>): Promise<never> {
  const { bytes, error } = await run;
  throw new Error(`the transfer ended before all cuts were made, after ${bytes} bytes: ${error ?? 'no error'}`);
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
