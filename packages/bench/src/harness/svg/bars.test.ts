import { describe, expect, test } from '@jest/globals';
import { barChart } from './bars.js';

describe('bar chart', () => {
  const svg = barChart({
    title: 'a < b',
    label: 'benefit',
    bars: [
      { name: 'good', value: 1 },
      { name: 'bad', value: -0.5 },
      { name: 'unknown', value: NaN },
    ],
    marks: [0.5],
  });
  const rects = [...svg.matchAll(/<rect class="f (f\d)" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/g)];

  test('bars below zero end where the others begin', () => {
    const [good, bad, unknown] = rects.map(([, kind, x, width]) => ({ kind, x: Number(x), width: Number(width) }));
    expect(bad!.x + bad!.width).toBeCloseTo(good!.x, 0);
    expect(good!.width / bad!.width).toBeCloseTo(2, 1);
    expect([good!.kind, bad!.kind]).toEqual(['f0', 'f1']);
    expect(unknown!.width).toBe(0);
  });

  test('names are escaped, and nothing is left without a number', () => {
    expect(svg).toContain('a &#60; b');
    expect(svg).not.toMatch(/="(NaN|Infinity|undefined)"/);
    expect(svg.match(/class="mark"/g)).toHaveLength(1);
  });
});
