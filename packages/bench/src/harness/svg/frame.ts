import { type Axis, type AxisOptions, makeAxis, tickLabel } from './axis.js';

/** What every chart has. */
export interface ChartOptions {
  readonly title: string;
  readonly x: AxisOptions;
  readonly y: AxisOptions;
  /** Upright lines with words: a server cut, a link healed. */
  readonly marks?: readonly { readonly x: number; readonly label: string }[];
}

/** Where the data goes. */
export interface Frame {
  readonly x: Axis;
  readonly y: Axis;
}

const WIDTH = 720;
const HEIGHT = 400;
const LEFT = 72;
const RIGHT = WIDTH - 20;
const BOTTOM = HEIGHT - 52;
const TITLE_Y = 24;
const LEGEND_Y = 46;
const LEGEND_ROW = 18;
/** Of a 12-pixel sans-serif letter, on the safe side. */
const LETTER = 6.8;
const SWATCH = 18;

/** Okabe and Ito's colours, which the colour-blind can tell apart: on light ground, and on dark. */
const COLOURS: readonly (readonly [string, string])[] = [
  ['#0072b2', '#56b4e9'],
  ['#d55e00', '#ff8c42'],
  ['#009e73', '#3ddbb0'],
  ['#b8528f', '#e79ac6'],
  ['#b07a00', '#f0c040'],
  ['#5b5bd6', '#a5a5ff'],
  ['#6b6b6b', '#bdbdbd'],
  ['#7a3b00', '#d9a066'],
];

/** Columns of pixels that data can fill. */
export const PLOT_WIDTH = RIGHT - LEFT;

/** Class names of the n-th series; colours come round after eight. */
export function lineClass(index: number): string {
  return `l l${index % COLOURS.length}`;
}

export function fillClass(index: number): string {
  return `f f${index % COLOURS.length}`;
}

/** A whole SVG document: title, axes, grid and legend around what `draw` gives. */
export function chart(
  options: ChartOptions,
  names: readonly string[],
  values: { readonly x: Iterable<number>; readonly y: Iterable<number> },
  draw: (frame: Frame) => string,
): string {
  const { rows, svg } = legend(names);
  const top = LEGEND_Y + rows * LEGEND_ROW;
  const x = makeAxis(options.x, values.x, LEFT, RIGHT);
  const y = makeAxis(options.y, values.y, BOTTOM, top);
  const body = [
    `<text x="${LEFT}" y="${TITLE_Y}" font-size="15" font-weight="600">${escape(options.title)}</text>\n`,
    svg,
    axisX(x, top),
    axisY(y, top),
    draw({ x, y }),
    (options.marks ?? []).map((mark) => upright(x.at(mark.x), mark.label, top)).join(''),
  ];
  return document(options.title, HEIGHT, body.join(''));
}

/** A whole SVG document around what is drawn, of the width that all have. */
export function document(title: string, height: number, body: string): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`,
    ` font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="${escape(title)}">\n`,
    `<style>${STYLE}</style>\n<rect class="ground" width="${WIDTH}" height="${height}"/>\n`,
    body,
    '</svg>\n',
  ].join('');
}

/** A pixel coordinate, to a tenth. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

export function escape(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

const STYLE = [
  '.ground{fill:#fff}text{fill:#222}.grid{stroke:#ddd}.axis{stroke:#666}.mark{stroke:#666;stroke-dasharray:4 3}.halo{paint-order:stroke;stroke:#fff;stroke-width:3px}',
  '.l{fill:none;stroke-width:1.8;stroke-linejoin:round}.dash{stroke-dasharray:6 4}.f{fill-opacity:.55;stroke-width:1}',
  ...COLOURS.map(([light], index) => `.l${index}{stroke:${light}}.f${index}{fill:${light};stroke:${light}}`),
  '@media (prefers-color-scheme:dark){.ground{fill:#14171c}text{fill:#e6e6e6}.grid{stroke:#333a44}',
  '.axis,.mark{stroke:#9aa4b2}.halo{stroke:#14171c}',
  ...COLOURS.map(([, dark], index) => `.l${index}{stroke:${dark}}.f${index}{fill:${dark};stroke:${dark}}`),
  '}',
].join('');

function legend(names: readonly string[]): { rows: number; svg: string } {
  if (names.length < 2) return { rows: 0, svg: '' };
  let left = LEFT;
  let row = 0;
  const svg = names.map((name, index) => {
    const width = SWATCH + name.length * LETTER + 16;
    if (left > LEFT && left + width > RIGHT) {
      left = LEFT;
      row += 1;
    }
    const y = LEGEND_Y + row * LEGEND_ROW;
    const swatch = `<rect class="${fillClass(index)}" x="${px(left)}" y="${y - 9}" width="12" height="9"/>`;
    const text = `<text x="${px(left + SWATCH)}" y="${y}">${escape(name)}</text>\n`;
    left += width;
    return swatch + text;
  });
  return { rows: row + 1, svg: svg.join('') };
}

function axisX(axis: Axis, top: number): string {
  const ticks = axis.ticks.map((tick) => {
    const x = px(axis.at(tick));
    const label = `<text x="${x}" y="${BOTTOM + 18}" text-anchor="middle">${tickLabel(tick)}</text>\n`;
    return `<line class="grid" x1="${x}" x2="${x}" y1="${px(top)}" y2="${BOTTOM}"/>${label}`;
  });
  const line = `<line class="axis" x1="${LEFT}" x2="${RIGHT}" y1="${BOTTOM}" y2="${BOTTOM}"/>`;
  const middle = px((LEFT + RIGHT) / 2);
  return `${ticks.join('')}${line}<text x="${middle}" y="${HEIGHT - 14}" text-anchor="middle">${escape(axis.label)}</text>\n`;
}

function axisY(axis: Axis, top: number): string {
  const ticks = axis.ticks.map((tick) => {
    const y = axis.at(tick);
    const label = `<text x="${LEFT - 8}" y="${px(y + 4)}" text-anchor="end">${tickLabel(tick)}</text>\n`;
    return `<line class="grid" x1="${LEFT}" x2="${RIGHT}" y1="${px(y)}" y2="${px(y)}"/>${label}`;
  });
  const line = `<line class="axis" x1="${LEFT}" x2="${LEFT}" y1="${px(top)}" y2="${BOTTOM}"/>`;
  const middle = px((top + BOTTOM) / 2);
  const label = `<text transform="translate(18 ${middle}) rotate(-90)" text-anchor="middle">${escape(axis.label)}</text>\n`;
  return ticks.join('') + line + label;
}

function upright(x: number, label: string, top: number): string {
  const nearEnd = x > RIGHT - label.length * LETTER;
  const text = `<text class="halo" x="${px(nearEnd ? x - 4 : x + 4)}" y="${px(top + 12)}" text-anchor="${nearEnd ? 'end' : 'start'}">`;
  return `<line class="mark" x1="${px(x)}" x2="${px(x)}" y1="${px(top)}" y2="${BOTTOM}"/>${text}${escape(label)}</text>\n`;
}
