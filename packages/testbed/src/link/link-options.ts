import { KwikError } from '@kwik/wire';

import type { BurstLoss, DirectionSettings, JitterDistribution } from './direction-settings.js';

/** One direction of a link. What is left out stays as it is (`configure`) or takes its default (`create`). */
export interface LinkDirectionOptions {
  /** Bits (not bytes) per second; Infinity, the default, sends at once. */
  readonly rateBitsPerSecond?: number;
  /** One-way delay after the last bit was sent, milliseconds. Default 0. */
  readonly delayMs?: number;
  /** Spread of the delay, milliseconds; never reorders by itself. Default 0. */
  readonly jitterMs?: number;
  /** `uniform` (the default): ± `jitterMs`; `normal`: deviation `jitterMs`, cut at 3; `exponential`: adds `jitterMs` on average. */
  readonly jitterDistribution?: JitterDistribution;
  /** Drop-tail queue in front of the rate, bytes with overhead; null, the default: 50 ms at the rate, at least 32 kB. */
  readonly queueBytes?: number | null;
  /** Share of packets lost at random after they used their share of the rate, 0 to 1. Default 0. */
  readonly lossRate?: number;
  /** Gilbert-Elliott burst loss, besides `lossRate`; null, the default, for none. */
  readonly burstLoss?: BurstLoss | null;
  /** Share of packets that are held back by `reorderDelayMs`, so that later ones overtake them. Default 0. */
  readonly reorderRate?: number;
  /** Default 5. */
  readonly reorderDelayMs?: number;
  /** Share of packets that arrive twice. Default 0. */
  readonly duplicateRate?: number;
  /** Added to each UDP payload for rate and queue. Default 28: 20 bytes IPv4 and 8 bytes UDP header. */
  readonly overheadBytes?: number;
  /** Packets that are larger, overhead included, vanish without a word, as in an MTU black hole (RFC 2923). Default Infinity. */
  readonly mtuBytes?: number;
}

/** Both directions of a link: `both` first, then `up` (client to server) and `down` over it. */
export interface LinkShape {
  readonly up?: LinkDirectionOptions;
  readonly down?: LinkDirectionOptions;
  readonly both?: LinkDirectionOptions;
}

export type LinkDirection = 'up' | 'down';

/** IPv4 header (RFC 791) without options and UDP header (RFC 768). */
const IPV4_UDP_HEADER_BYTES = 28;

const DEFAULTS: DirectionSettings = {
  rateBitsPerSecond: Infinity,
  delayMs: 0,
  jitterMs: 0,
  jitterDistribution: 'uniform',
  queueBytes: null,
  lossRate: 0,
  burstLoss: null,
  reorderRate: 0,
  reorderDelayMs: 5,
  duplicateRate: 0,
  overheadBytes: IPV4_UDP_HEADER_BYTES,
  mtuBytes: Infinity,
};

/** An hour: beyond it a number is a mistake in units. */
const MAX_DELAY_MS = 3_600_000;
const DISTRIBUTIONS: readonly JitterDistribution[] = ['uniform', 'normal', 'exponential'];

/**
 * The settings of both directions of a new link.
 * @throws KwikError ERR_KWIK_INVALID_ARGUMENT that names the option.
 */
export function resolveShape(shape: LinkShape): Record<LinkDirection, DirectionSettings> {
  const both = applyOptions(DEFAULTS, shape.both ?? {});
  return { up: applyOptions(both, shape.up ?? {}), down: applyOptions(both, shape.down ?? {}) };
}

/**
 * `base` with `options` over it.
 * @throws KwikError ERR_KWIK_INVALID_ARGUMENT that names the option.
 */
export function applyOptions(base: DirectionSettings, options: LinkDirectionOptions): DirectionSettings {
  const settings: DirectionSettings = { ...base, ...definedOf(options) };
  atLeast('rateBitsPerSecond', settings.rateBitsPerSecond, Number.MIN_VALUE, Infinity);
  atLeast('delayMs', settings.delayMs, 0, MAX_DELAY_MS);
  atLeast('jitterMs', settings.jitterMs, 0, MAX_DELAY_MS);
  atLeast('reorderDelayMs', settings.reorderDelayMs, 0, MAX_DELAY_MS);
  atLeast('overheadBytes', settings.overheadBytes, 0, 65_535);
  atLeast('mtuBytes', settings.mtuBytes, 0, Infinity);
  if (settings.queueBytes !== null) atLeast('queueBytes', settings.queueBytes, 0, Infinity);
  for (const name of ['lossRate', 'reorderRate', 'duplicateRate'] as const) atLeast(name, settings[name], 0, 1);
  if (!DISTRIBUTIONS.includes(settings.jitterDistribution)) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `jitterDistribution must be one of ${DISTRIBUTIONS.join(', ')}`);
  }
  for (const [name, value] of Object.entries(settings.burstLoss ?? {}))
    atLeast(`burstLoss.${name}`, Number(value), 0, 1);
  return settings;
}

/** A caller without exact optional types may pass `undefined`; it means "left out". */
function definedOf(options: LinkDirectionOptions): Partial<DirectionSettings> {
  return Object.fromEntries(Object.entries(options).filter(([name, value]) => name in DEFAULTS && value !== undefined));
}

function atLeast(name: string, value: number, least: number, most: number): void {
  if (typeof value === 'number' && value >= least && value <= most) return;
  throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `link option ${name} is ${value}, not from ${least} to ${most}`);
}
