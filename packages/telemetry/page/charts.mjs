import uPlot from '/uplot.mjs';
import { clock } from './units.mjs';

/** Four times a second for two and a half minutes. */
const MAX_POINTS = 600;
const MAX_SERIES = 8;
const HEIGHT = 170;
/** As many as style.css has of `--series-N`. */
const COLORS = 8;

/** @param {number} pathId */
export function colorOf(pathId) {
  const slot = pathId < 65_536 ? pathId : pathId - 65_535;
  return getComputedStyle(document.documentElement)
    .getPropertyValue(`--series-${slot % COLORS}`)
    .trim();
}

/** What the last minutes were, one series for each path; the same times for all. */
export class History {
  times = [];
  #series = new Map();

  /** @param {number} seconds @param {ReadonlyMap<number, number>} values By path. */
  add(seconds, values) {
    this.times.push(seconds);
    for (const id of values.keys()) {
      if (this.#series.has(id) || this.#series.size >= MAX_SERIES) continue;
      this.#series.set(id, new Array(this.times.length - 1).fill(null));
    }
    for (const [id, series] of this.#series) series.push(values.get(id) ?? null);
    if (this.times.length <= MAX_POINTS) return;
    this.times.shift();
    for (const [id, series] of this.#series) {
      series.shift();
      // Of a path that is gone for as long as the chart goes back nothing is left to see: its place is for another.
      if (!values.has(id) && series.every((value) => value === null)) this.#series.delete(id);
    }
  }

  get ids() {
    return [...this.#series.keys()];
  }

  get data() {
    return [this.times, ...this.#series.values()];
  }
}

/** A chart of one history; drawn anew when its series or its width change. */
export class Chart {
  #plot;
  #drawn = '';

  /**
   * @param {HTMLElement} parent
   * @param {(value: number) => string} format
   * @param {(wallClockMs: number) => string} timeOf
   */
  constructor(parent, format, timeOf = clock) {
    this.parent = parent;
    this.format = format;
    this.timeOf = timeOf;
  }

  /** @param {History} history @param {(id: number) => string} nameOf */
  draw(history, nameOf) {
    const width = Math.max(200, Math.floor(this.parent.clientWidth) - 2);
    const dark = matchMedia('(prefers-color-scheme: dark)').matches;
    const wanted = JSON.stringify([history.ids.map((id) => [id, nameOf(id)]), width, dark]);
    if (wanted === this.#drawn) {
      this.#plot.setData(history.data);
      return;
    }
    this.#drawn = wanted;
    this.#plot?.destroy();
    this.#plot = new uPlot(this.#options(history, nameOf, width), history.data, this.parent);
  }

  #options(history, nameOf, width) {
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue('--quiet').trim();
    const grid = { stroke: style.getPropertyValue('--line').trim(), width: 1 };
    const axis = { stroke: ink, grid, ticks: grid, font: '11px system-ui, sans-serif' };
    const series = history.ids.map((id) => ({
      label: nameOf(id),
      stroke: colorOf(id),
      width: 1.5,
      points: { show: false },
      value: (_plot, value) => (value === null ? '–' : this.format(value)),
    }));
    return {
      width,
      height: HEIGHT,
      pxAlign: 0,
      cursor: { y: false },
      legend: { live: false },
      scales: { y: { range: (_plot, _low, high) => [0, Math.max(high * 1.1, 0.001)] } },
      axes: [
        {
          ...axis,
          values: (_plot, ticks) => ticks.map((tick) => this.timeOf(tick * 1000)),
          space: 90,
        },
        { ...axis, size: 76, values: (_plot, ticks) => ticks.map((tick) => (tick === 0 ? '0' : this.format(tick))) },
      ],
      series: [{ value: (_plot, at) => (at === null ? '–' : this.timeOf(at * 1000)) }, ...series],
    };
  }
}
