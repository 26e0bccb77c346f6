import { expect, test } from '@jest/globals';
import { planGet, withStandardOutput, type GetOptions } from './options.js';

const defaults: GetOptions = {
  ...{
    recursive: false,
    pin: [],
    server: [],
    discover: [],
    force: false,
    skipExisting: false,
    json: false,
    quiet: false,
  },
  timeout: 15,
};

test('the URL first, then the further servers, each once', () => {
  const plan = planGet(['kwik://a/x', 'kwik://a:4433/y'], { ...defaults, server: ['b:2', 'a:4433', 'b:2'] });
  expect(plan.servers).toEqual(['a:4433', 'b:2']);
  expect(plan.urls.map(({ path }) => path)).toEqual(['x', 'y']);
  expect(plan.toStdout).toBe(false);
  expect(planGet(['kwik://a/x'], { ...defaults, output: '-' }).toStdout).toBe(true);
});

test('standard output is the same under each of its names', () => {
  for (const output of ['-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1']) {
    expect(withStandardOutput({ ...defaults, output }).output).toBe('-');
  }
  for (const output of ['/dev/fd/3', './-', 'stdout']) {
    expect(withStandardOutput({ ...defaults, output }).output).toBe(output);
  }
  expect(withStandardOutput(defaults)).toEqual(defaults);
});

test.each<[string, string[], Partial<GetOptions>, RegExp]>([
  ['no URL', [], {}, /a URL is needed/u],
  ['two servers', ['kwik://a/x', 'kwik://b/x'], {}, /the same server/u],
  ['-o and -d', ['kwik://a/x'], { output: 'f', dir: 'd' }, /do not go together/u],
  ['-o with a folder', ['kwik://a/x'], { output: 'new/' }, /-o new\/ names a folder; use -d new\//u],
  ['-o with nothing', ['kwik://a/x'], { output: '' }, /-o names nothing/u],
  ['-o for two', ['kwik://a/x', 'kwik://a/y'], { output: 'f' }, /one file/u],
  ['-o with -r', ['kwik://a/x'], { output: 'f', recursive: true }, /-d FOLDER/u],
  ['--json and -o -', ['kwik://a/x'], { output: '-', json: true }, /choose one/u],
  ['--force and --skip-existing', ['kwik://a/x'], { force: true, skipExisting: true }, /do not go together/u],
  ['a folder without -r', ['kwik://a/x/'], {}, /use -r/u],
  ['the top folder without -r', ['kwik://a'], {}, /use -r/u],
  ['too many servers', ['kwik://a/x'], { server: Array.from({ length: 16 }, (_, i) => `b:${i + 1}`) }, /at most 16/u],
])('%s', (_name, urls, options, pattern) => {
  const plan = (): unknown => planGet(urls, { ...defaults, ...options });
  expect(plan).toThrow(
    expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT', message: expect.stringMatching(pattern) }),
  );
});
