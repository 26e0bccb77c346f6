import type { LinkDirection, LinkDirectionOptions } from '@kwik/testbed';

/** A stretch of a capacity trace. */
export interface TraceSegment {
  readonly ms: number;
  /** Bits per second; 0 for none. */
  readonly rateBitsPerSecond: number;
}

/** One direction: the same words, units and defaults as the emulated link of `@kwik/testbed`, of which this has a part. */
interface DirectionSpec
  extends Pick<
    LinkDirectionOptions,
    'rateBitsPerSecond' | 'delayMs' | 'jitterMs' | 'jitterDistribution' | 'queueBytes' | 'lossRate'
  > {
  /** Capacity over time instead of `rateBitsPerSecond`, from its start when set, repeated for ever. Null takes it away. */
  readonly trace?: readonly TraceSegment[] | null;
}

/**
 * Both directions of a link: `both` first, then `up` (client to server) and `down` over it. Rate and queue are counted
 * on IP packets, headers included.
 */
export interface LinkSpec {
  readonly both?: DirectionSpec;
  readonly up?: DirectionSpec;
  readonly down?: DirectionSpec;
}

export type CompleteDirection = Required<DirectionSpec>;

const DEFAULTS: CompleteDirection = {
  rateBitsPerSecond: Infinity,
  delayMs: 0,
  jitterMs: 0,
  jitterDistribution: 'uniform',
  queueBytes: null,
  lossRate: 0,
  trace: null,
};

/** Where no queue is given, as in `@kwik/testbed`: 50 ms at the rate, and room for a flight of some twenty packets. */
const DEFAULT_QUEUE_MS = 50;
const LEAST_DEFAULT_QUEUE_BYTES = 32_768;
const UNLIMITED_BYTES = 1e15;

const WAYS: readonly LinkDirection[] = ['up', 'down'];
const DISTRIBUTIONS = ['uniform', 'normal', 'exponential'] as const;

/** Both directions, complete, over what they were. */
export function applyLinkSpec(
  spec: LinkSpec,
  base?: Readonly<Record<LinkDirection, CompleteDirection>>,
): Record<LinkDirection, CompleteDirection> {
  return {
    up: { ...(base?.up ?? DEFAULTS), ...spec.both, ...spec.up },
    down: { ...(base?.down ?? DEFAULTS), ...spec.both, ...spec.down },
  };
}

/** Drop-tail limit of a direction, bytes. */
export function queueBytesOf(direction: CompleteDirection): number {
  if (direction.queueBytes !== null) return Math.min(direction.queueBytes, UNLIMITED_BYTES);
  const rateBitsPerSecond =
    direction.trace === null ? direction.rateBitsPerSecond : meanRateBitsPerSecond(direction.trace);
  if (rateBitsPerSecond === Infinity) return UNLIMITED_BYTES;
  return Math.max(LEAST_DEFAULT_QUEUE_BYTES, Math.round((rateBitsPerSecond * DEFAULT_QUEUE_MS) / 8000));
}

export function meanRateBitsPerSecond(trace: readonly TraceSegment[]): number {
  const ms = trace.reduce((sum, segment) => sum + segment.ms, 0);
  return trace.reduce((sum, segment) => sum + segment.ms * segment.rateBitsPerSecond, 0) / ms;
}

/** The commands that make the emulator's link `index` what `directions` says; `previous`, to leave unchanged traces running. */
export function linkCommands(
  index: number,
  directions: Readonly<Record<LinkDirection, CompleteDirection>>,
  previous?: Readonly<Record<LinkDirection, CompleteDirection>>,
): string[] {
  return WAYS.flatMap((way, number) => {
    const direction = directions[way];
    const { rateBitsPerSecond, delayMs, jitterMs, jitterDistribution, lossRate, trace } = direction;
    const distribution = DISTRIBUTIONS.indexOf(jitterDistribution);
    const rate = rateBitsPerSecond === Infinity ? 0 : rateBitsPerSecond;
    const set = [rate, delayMs, jitterMs, distribution, queueBytesOf(direction), lossRate].join(' ');
    const segments = trace?.map((segment) => `${segment.ms}:${segment.rateBitsPerSecond}`).join(',');
    const sameTrace = trace === (previous?.[way].trace ?? null);
    return [`set ${index} ${number} ${set}`, ...(sameTrace ? [] : [`trace ${index} ${number} ${segments ?? '-'}`])];
  });
}
