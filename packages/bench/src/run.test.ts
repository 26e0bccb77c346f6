import { describe, expect, test } from '@jest/globals';
import { parseOptions } from './options.js';
import type { Part } from './part.js';
import { runParts, toJson } from './run.js';

const good: Part = {
  name: 'good',
  about: '',
  run: async (context) => ({
    rows: [
      {
        name: 'one',
        value: 1,
        unit: 'MB/s',
        reference: { name: 'two', value: 2 },
        target: { of: 'ratio', atLeast: 1 },
      },
      { name: 'rounds', value: context.rounds, unit: '' },
    ],
    skipped: ['a luxury'],
  }),
};
const bad: Part = { name: 'bad', about: '', run: () => Promise.reject(new Error('fell over')) };
const machine = { cores: 1, cpu: '', memoryGb: 1, platform: '', node: '', date: '', commit: '' };

function run(...args: string[]) {
  const lines: string[] = [];
  const options = parseOptions(args, ['bad', 'good'], '/');
  return { options, lines, reports: runParts([bad, good], options, (line) => lines.push(line)) };
}

describe('parts', () => {
  test('one that throws is reported, and the others run', async () => {
    const { lines, reports } = run();
    const [first, second] = await reports;
    expect(first).toMatchObject({ part: 'bad', failure: expect.stringMatching(/fell over/), result: { rows: [] } });
    expect(second).toMatchObject({ part: 'good', result: { skipped: ['a luxury'] } });
    expect(second?.result.rows).toHaveLength(2);
    expect(lines[0]).toMatch(/^bad: Error: fell over/);
  });

  test('rows that are not wanted are left out, whatever the part does', async () => {
    const [, second] = await run('--rows', '^rou', '--rounds', '7').reports;
    expect(second?.result.rows).toEqual([{ name: 'rounds', value: 7, unit: '' }]);
  });

  test('what broke off within a part is its failure, and the rows that were measured stay', async () => {
    const row = { name: 'one', value: 1, unit: 'ms' };
    const half: Part = {
      name: 'half',
      about: '',
      run: async () => ({ rows: [row], failures: ['10 ms: no link'] }),
    };
    const [report] = await runParts([half], parseOptions([], ['half'], '/'), () => undefined);
    expect(report).toMatchObject({ failure: '10 ms: no link', result: { rows: [row] } });
  });

  test('JSON has ratios, verdicts and failures', async () => {
    const { reports, options } = run();
    const { parts } = JSON.parse(toJson(await reports, machine, options));
    expect(parts[0]).toMatchObject({ part: 'bad', failure: expect.stringMatching(/fell over/) });
    expect(parts[1].rows[0]).toMatchObject({ name: 'one', ratio: 0.5, verdict: 'missed' });
    expect(parts[1].rows[1]).toMatchObject({ verdict: 'none' });
  });
});
