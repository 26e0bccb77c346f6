import { describe, expect, test } from '@jest/globals';
import { parseKwikUrl } from '../address.js';
import { checkDistinctTargets, jobForFile, jobsForListing } from './jobs.js';
import { planGet, type GetOptions } from './options.js';

const options: GetOptions = {
  ...{ recursive: false, pin: [], server: [], discover: [], force: false, skipExisting: false },
  ...{ json: false, quiet: false, timeout: 15 },
};

describe('where files go', () => {
  const url = parseKwikUrl('kwik://h/a/film%20one.bin');
  test.each([
    ['their own name', undefined, undefined, 'film one.bin'],
    ['a folder', undefined, 'to', 'to/film one.bin'],
    ['a name', 'x/y', undefined, 'x/y'],
    ['standard output', '-', undefined, undefined],
  ])('%s', (_name, output, dir, target) => {
    expect(jobForFile(url, output, dir)).toEqual({ path: 'a/film one.bin', target });
  });

  test('the name is not left to a URL that leads elsewhere', () => {
    expect(() => jobForFile(parseKwikUrl('kwik://h/a/..'), undefined, undefined)).toThrow(/give one with -o/u);
  });

  test('a listing goes below the folder', () => {
    const entries = [
      { path: 'a/x', size: 1 },
      { path: 'a/b/y', size: 2 },
    ];
    expect(jobsForListing(entries, 'a', 'to')).toEqual({
      jobs: [
        { path: 'a/x', size: 1, target: 'to/x' },
        { path: 'a/b/y', size: 2, target: 'to/b/y' },
      ],
      refused: [],
    });
    expect(jobsForListing([{ path: 'x', size: 1 }], '', '.').jobs).toMatchObject([{ target: 'x' }]);
  });

  test.each(['a/x\ny', 'a/\u001b[2J', 'a/x\u0085', 'a/\u202etxt.exe', 'a/x\u007f', 'a/\ud800'])(
    'the name %j is not used, and no other file suffers',
    (path) => {
      const { jobs, refused } = jobsForListing(
        [path, 'a/good \u{1f600}'].map((name) => ({ path: name, size: 1 })),
        'a',
        'to',
      );
      expect(jobs.map(({ target }) => target)).toEqual(['to/good \u{1f600}']);
      expect(refused).toMatchObject([{ job: { path }, error: { code: 'ERR_KWIK_LOCAL_FILE' } }]);
    },
  );

  test.each([
    ...['b/x', 'a/../../x', 'a/', 'a//x', 'a/./x', 'a/x\\..\\y', 'ax', 'a/x\0'],
    ...['a/\n/../../x', 'a/../\u001b[2J'],
  ])('a server that lists %s below a is not believed', (path) => {
    expect(() => jobsForListing([{ path, size: 1 }], 'a', 'to')).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' }),
    );
  });

  test('no name twice', () => {
    const twice = [0, 1].map(() => ({ path: 'x', size: 1 }));
    expect(() => jobsForListing(twice, '', '.')).toThrow(/cannot be stored/u);
    const same = ['kwik://h/a/x', 'kwik://h/b/x'].map((text) => jobForFile(parseKwikUrl(text), undefined, undefined));
    expect(() => checkDistinctTargets(same)).toThrow(/two of the files/u);
    const alike = ['to/Film', 'to/fILM'].map((target) => ({ path: target, target }));
    expect(() => checkDistinctTargets(alike, 'linux')).not.toThrow();
    for (const platform of ['win32', 'darwin'] as const) {
      expect(() => checkDistinctTargets(alike, platform)).toThrow(/two of the files/u);
    }
  });
});

describe('planGet', () => {
  test('the server of the URLs first, each once', () => {
    const plan = planGet(['kwik://h/a', 'kwik://h:4433/b'], { ...options, server: ['m:1', 'h', 'm:1'] });
    expect(plan.servers).toEqual(['h:4433', 'm:1']);
  });

  test.each<[string[], Partial<GetOptions>, RegExp]>([
    [[], {}, /a URL is needed/u],
    [['kwik://a/x', 'kwik://b/x'], {}, /the same server/u],
    [['kwik://a/x'], { output: 'o', dir: 'd' }, /-o and -d/u],
    [['kwik://a/x'], { output: '' }, /-o names nothing/u],
    [['kwik://a/x'], { dir: '' }, /-d names nothing/u],
    [['kwik://a/x', 'kwik://a/y'], { output: 'o' }, /-o names one file/u],
    [['kwik://a/x'], { output: 'o', recursive: true }, /-r fetches a folder/u],
    [['kwik://a/x'], { output: '-', json: true }, /choose one/u],
    [['kwik://a/x'], { force: true, skipExisting: true }, /do not go together/u],
    [['kwik://a/x/'], {}, /names a folder/u],
    [['kwik://a'], {}, /names a folder/u],
    [['kwik://a/x'], { server: Array.from({ length: 16 }, (_, index) => `s${index}`) }, /at most 16 servers/u],
  ])('%j with %j is refused', (urls, part, pattern) => {
    expect(() => planGet(urls, { ...options, ...part })).toThrow(pattern);
  });
});
