import { describe, expect, test } from '@jest/globals';
import { histogram, lineChart, stackedArea } from './svg.js';

const axes = { x: { label: 'time, s' }, y: { label: 'goodput, Mbit/s' } };

/** Every element that opens is closed, in order. */
function wellFormed(svg: string): boolean {
  const open: string[] = [];
  for (const [, slash, name, rest] of svg.matchAll(/<(\/?)([a-z]+)([^>]*)>/g)) {
    if (slash === '/') {
      if (open.pop() !== name) return false;
    } else if (rest?.endsWith('/') !== true) open.push(name ?? '');
  }
  return open.length === 0;
}

describe('line chart', () => {
  const svg = lineChart({
    title: 'A < B & "C"',
    ...axes,
    series: [
      {
        name: 'one',
        points: [
          [0, 0],
          [1, 10],
        ],
      },
      {
        name: 'two',
        points: [
          [0, 5],
          [1, NaN],
          [2, 5],
        ],
        dashed: true,
        dots: true,
      },
    ],
    marks: [{ x: 1, label: 'cut' }],
  });

  test('has title, axes with units, legend and marks, and is well-formed', () => {
    for (const text of ['A &#60; B &#38; &#34;C&#34;', 'time, s', 'goodput, Mbit/s', '>one<', '>two<', '>cut<']) {
      expect(svg).toContain(text);
    }
    expect(wellFormed(svg)).toBe(true);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  test('knows light and dark', () => {
    expect(svg).toContain('prefers-color-scheme:dark');
  });

  test('places points by the axes, larger values higher', () => {
    expect(/<polyline class="l l0" points="72,348 386,(\d+)/.exec(svg)?.[1]).toBe('64');
    expect(svg.match(/<circle/g)).toHaveLength(2);
  });

  test('many points are thinned without losing the extremes', () => {
    const points = Array.from({ length: 100_000 }, (_, i): [number, number] => [i, i === 54_321 ? 99 : i % 10]);
    const thinned = lineChart({ title: 't', ...axes, series: [{ name: 'a', points }] });
    expect(thinned.length).toBeLessThan(60_000);
    expect(thinned.includes(',49 ')).toBe(true);
  });
});

describe('stacked area', () => {
  test('each lies on the ones before', () => {
    const series = [
      { name: 'a', values: [1, 1] },
      { name: 'b', values: [1, 3] },
    ];
    const svg = stackedArea({ title: 't', ...axes, at: [0, 1], series });
    expect(wellFormed(svg)).toBe(true);
    const polygons = [...svg.matchAll(/<polygon class="f f(\d)" points="([^"]+)"/g)].map(([, , points]) => points);
    expect(polygons).toHaveLength(2);
    // The upper outline of the first is the lower one of the second.
    expect(polygons[1]?.split(' ').slice(2)).toEqual(polygons[0]?.split(' ').slice(0, 2).reverse());
  });
});

describe('histogram', () => {
  test('counts every value once', () => {
    const svg = histogram({ title: 't', ...axes, bins: 4, series: [{ name: 'a', values: [0, 0.5, 1, 4] }] });
    expect(wellFormed(svg)).toBe(true);
    const heights = [...svg.matchAll(/<rect class="f f0"[^>]* height="([\d.]+)"/g)].map(([, height]) => Number(height));
    expect(heights).toHaveLength(3);
    expect(heights[0]! / heights[1]!).toBeCloseTo(2, 1);
  });

  test('on a logarithmic axis bins look equally wide; shares are per cent', () => {
    const values = [1, 10, 100, 1000];
    const svg = histogram({
      title: 't',
      x: { label: 'ms', log: true },
      y: { label: '%' },
      bins: 3,
      share: true,
      series: [{ name: 'a', values }],
    });
    const widths = [...svg.matchAll(/<rect class="f f0"[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width));
    expect(new Set(widths.map(Math.round)).size).toBe(1);
    expect(svg).toContain('>50</text>');
  });

  test('nothing to show is an empty chart', () => {
    expect(histogram({ title: 't', ...axes, series: [{ name: 'a', values: [] }] })).not.toMatch(/NaN|Infinity/);
    expect(lineChart({ title: 't', ...axes, series: [] })).not.toMatch(/NaN|Infinity/);
  });
});
