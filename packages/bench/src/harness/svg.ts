import { chart, type ChartOptions, fillClass, type Frame, lineClass, PLOT_WIDTH, px } from './svg/frame.js';

interface LineSeries {
  readonly name: string;
  /** x and y; in the order in which they are joined. */
  readonly points: readonly (readonly [number, number])[];
  readonly dashed?: boolean;
  /** A dot at each point: for few of them. */
  readonly dots?: boolean;
}

export interface LineChartOptions extends ChartOptions {
  readonly series: readonly LineSeries[];
}

export interface StackedAreaOptions extends ChartOptions {
  /** Positions on the x axis, ascending. */
  readonly at: readonly number[];
  /** Each has as many values as there are positions; the first lies at the bottom. */
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
}

export interface HistogramOptions extends ChartOptions {
  /** Raw values, not counts. */
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
  /** Of equal width, as they look on the axis. Default: 40. */
  readonly bins?: number;
  /** Shares of each series in per cent, in place of counts. */
  readonly share?: boolean;
}

const DEFAULT_BINS = 40;

/** Lines; more points than pixels are drawn as the least and the most of each column. */
export function lineChart(options: LineChartOptions): string {
  const { series } = options;
  const values = {
    x: series.flatMap(({ points }) => points.map(([x]) => x)),
    y: series.flatMap(({ points }) => points.map(([, y]) => y)),
  };
  return chart(
    options,
    series.map(({ name }) => name),
    values,
    (frame) => series.map((each, index) => drawLine(each, index, frame)).join(''),
  );
}

/** Areas on top of each other: what each path carries of the whole. Linear y axis. */
export function stackedArea(options: StackedAreaOptions): string {
  const { at, series } = options;
  const tops: number[][] = [at.map(() => 0)];
  for (const { values } of series) tops.push(at.map((_, index) => tops.at(-1)![index]! + (values[index] ?? 0)));
  return chart(
    options,
    series.map(({ name }) => name),
    { x: at, y: tops.flat() },
    ({ x, y }) =>
      series
        .map((_, index) => {
          const path = (list: readonly number[]): string[] =>
            list.map((value, i) => `${px(x.at(at[i]!))},${px(y.at(value))}`);
          const outline = [...path(tops[index + 1]!), ...path(tops[index]!).reverse()];
          return `<polygon class="${fillClass(index)}" points="${outline.join(' ')}"/>\n`;
        })
        .join(''),
  );
}

/** Bars of how often values fall into bins; several series lie over each other. */
export function histogram(options: HistogramOptions): string {
  const { series, bins = DEFAULT_BINS } = options;
  const log = options.x.log === true;
  const all = series.flatMap(({ values }) => values).filter((value) => Number.isFinite(value) && (!log || value > 0));
  const scale = log ? Math.log10 : (value: number): number => value;
  const least = scale(options.x.min ?? least0(all, log));
  const most = Math.max(least + 1e-9, scale(options.x.max ?? all.reduce((a, b) => Math.max(a, b), 0)));
  const edge = (bin: number): number => {
    const value = least + ((most - least) * bin) / bins;
    return log ? 10 ** value : value;
  };
  const counts = series.map(({ values }) => {
    const list = new Array<number>(bins).fill(0);
    const unit = options.share === true ? 100 / Math.max(1, values.length) : 1;
    for (const value of values) {
      const bin = Math.floor(((scale(value) - least) / (most - least)) * bins);
      if (bin >= 0 && bin <= bins) list[Math.min(bins - 1, bin)]! += unit;
    }
    return list;
  });
  return chart(
    options,
    series.map(({ name }) => name),
    { x: [edge(0), edge(bins)], y: counts.flat() },
    ({ x, y }) => counts.map((list, index) => drawBars(list, index, edge, { x, y })).join(''),
  );
}

function least0(values: readonly number[], log: boolean): number {
  return log
    ? values.reduce((a, b) => Math.min(a, b), Infinity)
    : Math.min(
        0,
        values.reduce((a, b) => Math.min(a, b), 0),
      );
}

function drawLine({ points, dashed, dots }: LineSeries, index: number, { x, y }: Frame): string {
  const pixels = points
    .filter(([a, b]) => x.has(a) && y.has(b))
    .map(([a, b]): readonly [number, number] => [x.at(a), y.at(b)]);
  const path = thin(pixels).map(([a, b]) => `${px(a)},${px(b)}`);
  const style = `${lineClass(index)}${dashed === true ? ' dash' : ''}`;
  const circles = dots === true ? pixels.map(([a, b]) => dot(index, a, b)) : [];
  return `<polyline class="${style}" points="${path.join(' ')}"/>\n${circles.join('')}`;
}

function dot(index: number, x: number, y: number): string {
  return `<circle class="${fillClass(index)}" cx="${px(x)}" cy="${px(y)}" r="3.2"/>\n`;
}

/** At most the first, least, most and last of each column of pixels. */
function thin(points: readonly (readonly [number, number])[]): readonly (readonly [number, number])[] {
  if (points.length <= 2 * PLOT_WIDTH) return points;
  const columns = new Map<number, (readonly [number, number])[]>();
  for (const point of points) {
    const column = Math.round(point[0]);
    const list = columns.get(column);
    if (list === undefined) columns.set(column, [point]);
    else list.push(point);
  }
  return [...columns.values()].flatMap((list) => {
    const least = list.reduce((a, b) => (b[1] < a[1] ? b : a));
    const most = list.reduce((a, b) => (b[1] > a[1] ? b : a));
    return list.filter((point, i) => i === 0 || i === list.length - 1 || point === least || point === most);
  });
}

function drawBars(counts: readonly number[], index: number, edge: (bin: number) => number, { x, y }: Frame): string {
  const zero = y.at(0);
  return counts
    .flatMap((count, bin) => {
      if (count === 0) return [];
      const left = x.at(edge(bin));
      const top = y.at(count);
      const size = `width="${px(x.at(edge(bin + 1)) - left)}" height="${px(zero - top)}"`;
      return [`<rect class="${fillClass(index)}" x="${px(left)}" y="${px(top)}" ${size}/>\n`];
    })
    .join('');
}
