/** What an axis shows. */
export interface AxisOptions {
  /** With its unit: 'goodput, Mbit/s'. */
  readonly label: string;
  /** Logarithmic; what is not above zero is left out. */
  readonly log?: boolean;
  /** Ends of the axis. Default: those of the data. Without them a linear axis begins at zero, or lower where the data does. */
  readonly min?: number;
  readonly max?: number;
}

/** Maps values to pixels. */
export interface Axis {
  readonly label: string;
  readonly ticks: readonly number[];
  /** Pixel of a value, held within the axis. */
  at(value: number): number;
  /** Whether the axis can show it. */
  has(value: number): boolean;
}

const WANTED_TICKS = 6;
/** With fewer decades than this, 2 and 5 get ticks as well. */
const SPARSE_DECADES = 3.2;

/** An axis for the values, from pixel `from` (least) to pixel `to` (most). */
export function makeAxis(options: AxisOptions, values: Iterable<number>, from: number, to: number): Axis {
  return options.log === true ? logAxis(options, values, from, to) : linearAxis(options, values, from, to);
}

/** 0, 0.25, 1500, 20k, 3M. */
export function tickLabel(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${round(value / 1e6)}M`;
  if (size >= 1e4) return `${round(value / 1e3)}k`;
  return String(round(value));
}

function linearAxis(options: AxisOptions, values: Iterable<number>, from: number, to: number): Axis {
  const { least, most } = range(values, () => true);
  const low = options.min ?? Math.min(0, least);
  const step = niceStep(((options.max ?? most) - low) / WANTED_TICKS);
  const high = options.max ?? Math.max(low + step, Math.ceil(most / step - 1e-9) * step);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return {
    label: options.label,
    ticks: Array.from({ length: count }, (_, index) => round((first + index) * step)),
    at: (value) => from + (clamp(value, low, high) - low) * ((to - from) / (high - low)),
    has: Number.isFinite,
  };
}

function logAxis(options: AxisOptions, values: Iterable<number>, from: number, to: number): Axis {
  const { least, most } = range(values, (value) => value > 0);
  const low = Math.log10(options.min ?? least);
  const high = Math.max(low + 0.1, Math.log10(options.max ?? most));
  const steps = high - low < SPARSE_DECADES ? [1, 2, 5] : [1];
  const decades = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, index) => Math.floor(low) + index);
  const ticks = decades.flatMap((decade) => steps.map((step) => round(step * 10 ** decade)));
  return {
    label: options.label,
    ticks: ticks.filter((tick) => Math.log10(tick) >= low - 1e-9 && Math.log10(tick) <= high + 1e-9),
    at: (value) => from + (clamp(Math.log10(value), low, high) - low) * ((to - from) / (high - low)),
    has: (value) => Number.isFinite(value) && value > 0,
  };
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
function niceStep(least: number): number {
  if (!(least > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 5, 10].find((each) => each * power >= least * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** From 0 to 1 when there are no values. */
function range(values: Iterable<number>, usable: (value: number) => boolean): { least: number; most: number } {
  let least = Infinity;
  let most = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value) || !usable(value)) continue;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return least <= most ? { least, most } : { least: usable(0) ? 0 : 0.1, most: 1 };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

/** Without the dust of binary fractions. */
function round(value: number): number {
  return Number(value.toPrecision(6));
}
