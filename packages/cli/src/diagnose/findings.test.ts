import { describe, expect, test } from '@jest/globals';
import { findingsOf } from './findings.js';
import type { PathReport, Rounds, ServerReport } from './reports.js';

const ROUNDS: Rounds = { asked: 5, answered: 5, minMs: 20, avgMs: 21, maxMs: 25 };
const PATH: PathReport = {
  id: 0,
  address: 'a:1',
  server: '',
  primary: true,
  via: null,
  state: 'active',
  verdict: 'carries',
  reason: '',
  rounds: ROUNDS,
  sentPackets: 200,
  lostPackets: 0,
  datagramBytes: 1350,
  certificateUntil: '2027-03-01T00:00:00.000Z',
  clockAheadMs: 5,
};
const OTHER: PathReport = { ...PATH, id: 1, address: 'b:2', primary: false };
const SERVER: ServerReport = {
  address: 'a:1',
  udp: 'open',
  connectMs: 40,
  problem: null,
  paths: [PATH, OTHER],
  refused: [],
};
const SILENT: ServerReport = {
  address: 'c:3',
  udp: 'silent',
  connectMs: null,
  problem: { code: 'ERR_KWIK_TIMEOUT', message: 'no answer from c:3' },
  paths: [],
  refused: [],
};

const textsOf = (servers: readonly ServerReport[], tcp: Parameters<typeof findingsOf>[1] = new Map()): string[] =>
  findingsOf(servers, tcp, Date.UTC(2026, 10, 29)).map(({ severity, text }) => `${severity}: ${text}`);
const withPath = (path: Partial<PathReport>): string[] =>
  textsOf([{ ...SERVER, paths: [PATH, { ...OTHER, ...path }] }]);

describe('what is wrong', () => {
  test('is nothing with two servers that are well', () => {
    expect(textsOf([SERVER])).toEqual([]);
  });

  test.each<[string, Partial<PathReport>, string]>([
    ['down', { verdict: 'down', reason: 'it went silent' }, 'problem: path 1 to b:2 carries nothing: it went silent'],
    [
      'degraded',
      { verdict: 'degraded', reason: 'it got slow' },
      'note: path 1 to b:2 is used, but is not well: it got slow',
    ],
    ['mute', { rounds: { ...ROUNDS, answered: 3 } }, 'problem: path 1 to b:2 left 2 of 5 questions unanswered'],
    [
      'narrow',
      { datagramBytes: 1200 },
      'note: path 1 to b:2 carries no larger datagrams than 1200 bytes: a tunnel, or something on the way that swallows larger ones',
    ],
    [
      'soon without a certificate',
      { certificateUntil: '2026-12-05T10:30:00.000Z' },
      'note: the certificate of b:2 runs out on 2026-12-05 10:30 UTC; renew it',
    ],
    [
      'of a server with an old certificate',
      { server: 'south', certificateUntil: '2026-11-28T00:00:00.000Z' },
      'problem: the certificate of south (b:2) has run out on 2026-11-28 00:00 UTC; renew it',
    ],
    ['lossy', { lostPackets: 6 }, 'note: path 1 to b:2 loses 3 % of its packets'],
    [
      'ahead',
      { clockAheadMs: 3010 },
      "note: the clock at the end of path 1 to b:2 is 3.0 s ahead of this one's; set both by NTP",
    ],
  ])('is said of a path that is %s', (_name, path, text) => {
    expect(withPath(path)[0]).toBe(text);
  });

  test('is not said of few packets, nor of a clock that differs by less than can be known', () => {
    expect(withPath({ sentPackets: 20, lostPackets: 5 })).toEqual([]);
    expect(withPath({ clockAheadMs: 4000, rounds: { ...ROUNDS, minMs: 7000 } })).toEqual([]);
  });

  test('of a clock that breaks tokens is a problem', () => {
    expect(withPath({ clockAheadMs: -90_000 })[0]).toMatch(/^problem: .* 90\.0 s behind this one's: tokens of paths/u);
  });

  test('of a silent server is told with what the machine says over TCP, and whether UDP works elsewhere', () => {
    expect(textsOf([SERVER, SILENT], new Map([['c:3', 'refuses']]))).toEqual([
      'problem: no answer from c:3; the machine is there, for it answers over TCP: a firewall drops UDP on the way, ' +
        'or the server hangs; UDP gets out of this machine, for other servers answer',
    ]);
    expect(textsOf([SILENT], new Map([['c:3', 'silent']]))).toEqual([
      'problem: no answer from c:3; nothing came back, over TCP neither: the machine is off, or a firewall drops everything',
    ]);
  });

  test('comes first, and what is refused is named once', () => {
    const refused = [
      { address: 'b:2', reason: 'it is told with its path' },
      { address: 'd:4', reason: 'the certificate is not accepted' },
    ];
    const paths = [{ ...PATH, lostPackets: 10 }, OTHER];
    expect(textsOf([{ ...SERVER, paths, refused }])).toEqual([
      'problem: the session with a:1 does not use d:4: the certificate is not accepted',
      'note: path 0 to a:1 loses 5 % of its packets',
    ]);
  });

  test('is a single point of failure, too', () => {
    expect(textsOf([{ ...SERVER, paths: [PATH] }])).toEqual([expect.stringMatching(/^note: a single server answers/u)]);
  });
});
