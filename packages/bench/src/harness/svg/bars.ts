import { document, escape, fillClass, px } from './frame.js';

export interface BarChartOptions {
  readonly title: string;
  /** What the bars show, with its unit. */
  readonly label: string;
  /** From top to bottom. */
  readonly bars: readonly { readonly name: string; readonly value: number }[];
  /** Ends of the axis; zero and the values are always within. */
  readonly min?: number;
  readonly max?: number;
  /** Upright lines: targets. */
  readonly marks?: readonly number[];
}

const WIDTH = 720;
const LEFT = 270;
const RIGHT = WIDTH - 60;
const TOP = 52;
const ROW = 20;
const BAR = 13;
const TICKS = 4;

/** A bar for each name, left to right; bars below zero go to the left. */
export function barChart({ title, label, bars, min = 0, max = 0, marks = [] }: BarChartOptions): string {
  const values = bars.map(({ value }) => value).filter((value) => Number.isFinite(value));
  const least = Math.min(0, min, ...values);
  const most = Math.max(0, max, ...values, least + 1e-9);
  const at = (value: number): number => LEFT + ((value - least) / (most - least)) * (RIGHT - LEFT);
  const bottom = TOP + bars.length * ROW;
  const ticks = Array.from({ length: TICKS + 1 }, (_, index) => least + ((most - least) * index) / TICKS);
  const body = [
    `<text x="16" y="24" font-size="15" font-weight="600">${escape(title)}</text>\n`,
    `<text x="${LEFT}" y="42">${escape(label)}</text>\n`,
    ...ticks.map((tick) => tickAt(at(tick), tick, bottom)),
    ...bars.map((bar, index) => drawBar(bar, TOP + index * ROW, at)),
    upright('axis', at(0), bottom),
    ...marks.map((mark) => upright('mark', at(mark), bottom)),
  ];
  return document(title, bottom + 36, body.join(''));
}

function drawBar({ name, value }: BarChartOptions['bars'][number], top: number, at: (value: number) => number): string {
  const known = Number.isFinite(value) ? value : 0;
  const left = Math.min(at(0), at(known));
  const width = Math.abs(at(known) - at(0));
  const text = top + BAR;
  return [
    `<text x="${LEFT - 8}" y="${text}" text-anchor="end">${escape(name)}</text>`,
    `<rect class="${fillClass(known < 0 ? 1 : 0)}" x="${px(left)}" y="${top + 2}" width="${px(width)}" height="${BAR}"/>`,
    `<text x="${px(Math.max(at(known), at(0)) + 5)}" y="${text}">${value.toFixed(2)}</text>\n`,
  ].join('');
}

function tickAt(x: number, value: number, bottom: number): string {
  return `${upright('grid', x, bottom)}<text x="${px(x)}" y="${bottom + 18}" text-anchor="middle">${value.toFixed(2)}</text>\n`;
}

function upright(kind: string, x: number, bottom: number): string {
  return `<line class="${kind}" x1="${px(x)}" y1="${TOP - 4}" x2="${px(x)}" y2="${bottom}"/>`;
}
