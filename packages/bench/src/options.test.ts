import { describe, expect, test } from '@jest/globals';
import { parseOptions, UsageError } from './options.js';

const KNOWN = ['driver', 'codec'];
const parse = (...args: string[]) => parseOptions(args, KNOWN, '/work');

describe('options', () => {
  test('all parts and five rounds unless told; one round when quick', () => {
    expect(parse()).toMatchObject({ parts: KNOWN, rounds: 5, quick: false, json: undefined, plots: undefined });
    expect(parse('codec', 'codec', '--quick')).toMatchObject({ parts: ['codec'], rounds: 1, quick: true });
    expect(parse('--quick', '--rounds', '3')).toMatchObject({ rounds: 3 });
  });

  test('a comparison takes more than one round', () => {
    expect(parse('--compare', 'main', '--quick')).toMatchObject({ compare: 'main', rounds: 3 });
    expect(parse('--compare', 'main')).toMatchObject({ rounds: 5 });
  });

  test('files are relative to where the user stands; --plots may stand alone', () => {
    expect(parse('--json', 'out.json', '--plots', 'codec')).toMatchObject({
      json: '/work/out.json',
      plots: '/work/docs/plots',
      parts: ['codec'],
    });
    expect(parse('--plots=mine', '--cpu-prof', '/prof')).toMatchObject({ plots: '/work/mine', cpuProf: '/prof' });
  });

  test('the dashes that pnpm hands on are nothing', () => {
    expect(parse('--', '--quick', 'driver')).toMatchObject({ quick: true, parts: ['driver'] });
  });

  test.each([
    [['drivre'], /no part is called drivre; there are driver, codec/],
    [['--fast'], /--fast/],
    [['--json'], /--json/],
    [['--rounds', '0'], /--rounds takes/],
    [['--rounds', '1.5'], /--rounds takes/],
    [['--rounds', 'many'], /--rounds takes/],
    [['--rows', '('], /--rows/],
    [['--quick=yes'], /--quick/],
    [['--compare'], /--compare/],
    [['--compare', 'main', '--json', 'x'], /--compare takes no --json/],
  ])('%j is refused', (args, message) => {
    expect(() => parse(...args)).toThrow(UsageError);
    expect(() => parse(...args)).toThrow(message);
  });
});
