import type { Clock } from '@kwik/wire';
import type { LinkDirectionOptions } from '../link/link-options.js';
import type { RandomSource } from '../random/seeded-random.js';
import type { ChaosHost } from './chaos-host.js';

/** What can go wrong with a host and its link. `kill` ends a process for good: only where a test asks for it. */
export const FAULT_KINDS = [
  'cut',
  'one-way',
  'flap',
  'loss',
  'burst',
  'slow',
  'delay',
  'reorder',
  'duplicate',
  'stall',
  'sleep',
  'clock',
  'kill',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

/** One fault of a plan. Times in milliseconds of virtual time, from when the plan was begun. */
export interface ChaosFault {
  readonly kind: FaultKind;
  /** IP address of the host. */
  readonly host: string;
  readonly atMs: number;
  readonly durationMs: number;
  /** 0 to 1: how bad. */
  readonly severity: number;
}

/** What may be drawn, and how much of it. */
export interface DrawOptions {
  /** Hosts that faults may strike. */
  readonly hosts: readonly string[];
  /** Default: five. */
  readonly faults?: number;
  /** Faults begin within so many milliseconds. Default 10,000. */
  readonly withinMs?: number;
  /** Each lasts so many milliseconds at the most. Default 5,000. */
  readonly maxDurationMs?: number;
  /** Default: all but `kill`. */
  readonly kinds?: readonly FaultKind[];
}

const FAULTS = 5;
const WITHIN_MS = 10_000;
const MAX_DURATION_MS = 5_000;
const MAX_EXTRA_DELAY_MS = 800;
/** Rate of a link that is as good as unusable, bits per second. */
const TRICKLE_BPS = 200_000;
const FLAPS = 4;
/** A wall clock that was set by hand, or in another zone: ahead or behind. */
const MAX_CLOCK_MS = 2 * 3_600_000;

/** The faults that a random source decides, in the order of their beginning. */
export function drawFaults(random: RandomSource, options: DrawOptions): ChaosFault[] {
  const { hosts, faults = FAULTS, withinMs = WITHIN_MS, maxDurationMs = MAX_DURATION_MS } = options;
  const kinds = options.kinds ?? FAULT_KINDS.filter((kind) => kind !== 'kill');
  if (hosts.length === 0 || kinds.length === 0) return [];
  const drawn = Array.from({ length: faults }, () => ({
    kind: kinds[random.below(kinds.length)] ?? 'cut',
    host: hosts[random.below(hosts.length)] ?? '',
    atMs: random.below(withinMs),
    durationMs: 1 + random.below(maxDurationMs),
    severity: random.float(),
  }));
  return drawn.sort((one, other) => one.atMs - other.atMs);
}

/** A line for people: what strikes whom, when and for how long. */
export function describeFault({ kind, host, atMs, durationMs, severity }: ChaosFault): string {
  const span = kind === 'kill' ? '' : ` for ${durationMs} ms`;
  return `${String(atMs).padStart(6)} ms  ${kind} of ${host}${span} (severity ${severity.toFixed(2)})`;
}

/** Begins a fault; returns what ends it. */
export function beginFault(fault: ChaosFault, host: ChaosHost, clock: Clock): () => void {
  const { kind, durationMs, severity } = fault;
  switch (kind) {
    case 'cut':
      return host.cut();
    case 'one-way':
      return host.cut(severity < 0.5 ? 'up' : 'down');
    case 'flap':
      return flap(host, durationMs, clock);
    case 'stall':
      return host.stall();
    case 'clock':
      return host.skew((2 * severity - 1) * MAX_CLOCK_MS);
    case 'sleep':
      host.sleep(durationMs);
      return () => undefined;
    case 'kill':
      host.kill();
      return () => undefined;
    case 'loss':
    case 'burst':
    case 'slow':
    case 'delay':
    case 'reorder':
    case 'duplicate':
      return host.change(changeOf(kind, severity));
  }
}

function changeOf(
  kind: 'loss' | 'burst' | 'slow' | 'delay' | 'reorder' | 'duplicate',
  severity: number,
): LinkDirectionOptions {
  switch (kind) {
    case 'loss':
      return { lossRate: severity * 0.5 };
    case 'burst':
      return { burstLoss: { enterRate: 0.05 * severity, leaveRate: 0.3, lossInside: 1, lossOutside: 0 } };
    case 'slow':
      return { rateBitsPerSecond: TRICKLE_BPS };
    case 'delay':
      return { delayMs: severity * MAX_EXTRA_DELAY_MS };
    case 'reorder':
      return { reorderRate: severity * 0.5, reorderDelayMs: 1 + severity * 50 };
    case 'duplicate':
      return { duplicateRate: severity };
  }
}

function flap(host: ChaosHost, durationMs: number, clock: Clock): () => void {
  const turnMs = durationMs / (2 * FLAPS);
  let heal = (): void => undefined;
  const timers = Array.from({ length: FLAPS }, (_, turn) => [
    clock.schedule(2 * turn * turnMs, () => (heal = host.cut())),
    clock.schedule((2 * turn + 1) * turnMs, () => heal()),
  ]).flat();
  return () => {
    for (const timer of timers) timer.cancel();
    heal();
  };
}
