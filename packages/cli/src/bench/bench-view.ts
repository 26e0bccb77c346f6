import { paint, type Style } from '../ui/style.js';
import { cutTo, fit, oneLine, wrapped } from '../ui/text.js';
import { formatBytes, formatPercent, formatRate, formatSeconds, rounded, toMbps } from '../ui/units.js';
import type { PathReadingUnderLoad, Reading } from './read-for.js';

/** A server by itself: what it brought, or why that is not known. */
export type AloneReport = { readonly address: string } & (
  | { readonly reading: Reading; readonly problem?: never }
  | { readonly problem: string; readonly reading?: never }
);

export interface BenchReport {
  readonly server: string;
  readonly path: string;
  readonly together: Reading;
  /** Empty where there is one server only, or where that was not asked for. */
  readonly alone: readonly AloneReport[];
}

/** A path with a smaller share might as well not be there. */
const LEAST_SHARE = 0.01;
/** Runs differ by as much from one to the next. */
const LEAST_GAIN = 1.1;
/** A file that is read more often says more of how a file begins than of how fast it goes on. */
const MANY_FILES = 5;
/** A shorter time says little: the windows of new connections are still growing. */
const LEAST_MS = 1_000;

/** What was measured, and what follows from it. What peers say is made harmless. */
export function benchLines(report: BenchReport, style: Style, width: number): string[] {
  const { together, alone } = report;
  const all = together.paths.reduce((sum, { bytes }) => sum + bytes, 0);
  return [
    paint(style, cutTo(`all paths together  ${speed(together)}`, width), 'bold'),
    paint(style, cutTo(columns('', ['share', 'rate', 'rtt idle', 'under load']), width), 'dim'),
    ...together.paths.flatMap((path) => pathLines(path, all, together.durationMs, style, width)),
    ...(alone.length === 0 ? [] : ['', paint(style, 'each server alone', 'bold')]),
    ...alone.flatMap(({ address, reading, problem }) =>
      wrapped(
        `  ${fit(oneLine(address), 24)} ${reading === undefined ? `not measured: ${oneLine(problem)}` : speed(reading)}`,
        width,
      ),
    ),
    '',
    ...conclusions(report).flatMap((text) => wrapped(text, width)),
  ];
}

function speed(reading: Reading): string {
  const { bytes, durationMs, firstByteMs } = reading;
  return `${formatRate(rateOf(reading))}  (${formatBytes(bytes)} in ${formatSeconds(durationMs)}, first byte ${firstByteMs.toFixed(0)} ms)`;
}

function pathLines(
  { path, bytes, idleRttMs, loadedRttMs }: PathReadingUnderLoad,
  all: number,
  durationMs: number,
  style: Style,
  width: number,
): string[] {
  const share = all === 0 ? 0 : bytes / all;
  const name = oneLine([path.serverId ?? '', path.address].filter((part) => part !== '').join(' '));
  const via = path.via === undefined ? '' : ` via ${path.via}`;
  const rate = formatRate(durationMs <= 0 ? 0 : (bytes * 1000) / durationMs);
  const figures = [formatPercent(share), rate, ms(idleRttMs), ms(loadedRttMs)];
  const line = cutTo(columns(`${name}${oneLine(via)}`, figures), width);
  if (share >= LEAST_SHARE) return [line];
  const why = wrapped(`      brings nothing: ${oneLine(reasonOf(path))}`, width);
  return [paint(style, line, 'dim'), ...why.map((text) => paint(style, text, 'yellow'))];
}

const FIGURE_COLUMNS = [5, 12, 9, 11];

function columns(name: string, figures: readonly string[]): string {
  const aligned = figures.map((figure, index) => figure.padStart(FIGURE_COLUMNS[index] ?? 0));
  return `  ${fit(name, 34)} ${aligned.join(' ')}`;
}

/** Why a path brought nothing, as far as this end knows: who sends decides. */
function reasonOf({ state, reason, unused }: PathReadingUnderLoad['path']): string {
  if (state === 'active' || state === 'degraded') {
    return unused ?? 'it is well, and the server sent nothing over it; does it have the file?';
  }
  return `it is ${state}${reason === undefined ? '' : `: ${reason}`}`;
}

/** In words, and no more than the figures bear. */
function conclusions({ together, alone }: BenchReport): string[] {
  const said: string[] = [];
  const rates = alone.flatMap(({ reading }) => (reading === undefined ? [] : [rateOf(reading)]));
  if (rates.length > 0) {
    const best = Math.max(...rates);
    const gain = best === 0 ? 0 : rateOf(together) / best;
    said.push(
      gain >= LEAST_GAIN
        ? `All paths together are ${gain.toFixed(1)} times as fast as the fastest server alone.`
        : gain > 1 / LEAST_GAIN
          ? 'All paths together are as fast as the fastest server alone: the others bring nothing now.'
          : `The fastest server alone is ${(1 / gain).toFixed(1)} times as fast as all together.`,
    );
  }
  if (together.wholeFiles >= MANY_FILES) {
    said.push(
      'The file is short and was read many times: this says more of how a file begins than of how fast it goes on.',
    );
  }
  if (together.durationMs < LEAST_MS)
    said.push('It took less than a second: take a longer file, or more of --max-bytes.');
  said.push('One run, now, with whatever else was under way; content was verified.');
  return said;
}

/** For programs: rates in Mbit/s, times in milliseconds. */
export function benchObject({ server, path, together, alone }: BenchReport): object {
  return {
    server,
    path,
    together: readingObject(together),
    alone: alone.map(({ address, reading, problem }) => ({
      address,
      ...(reading === undefined ? { problem } : readingObject(reading)),
    })),
  };
}

function readingObject(reading: Reading): object {
  const { bytes, durationMs, firstByteMs, paths } = reading;
  return {
    mbps: rounded(toMbps(rateOf(reading)), 3),
    bytes,
    durationMs: rounded(durationMs, 1),
    firstByteMs: rounded(firstByteMs, 1),
    paths: paths.map(({ path, bytes: brought, idleRttMs, loadedRttMs }) => ({
      id: path.id,
      address: path.address,
      server: path.serverId ?? '',
      via: path.via ?? null,
      state: path.state,
      bytes: brought,
      idleRttMs: brief(idleRttMs),
      loadedRttMs: brief(loadedRttMs),
    })),
  };
}

/** Bytes per second. */
function rateOf({ bytes, durationMs }: Reading): number {
  return durationMs <= 0 ? 0 : (bytes * 1000) / durationMs;
}

function ms(value: number | null): string {
  return value === null ? 'unknown' : `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ms`;
}

function brief(value: number | null): number | null {
  return value === null ? null : rounded(value, 3);
}
