import { describe, expect, test } from '@jest/globals';
import { SeededRandom } from '@kwik/testbed';
import type { Finding } from '../src/alerts/alert.js';
import { ServerWatch, type ServerSignals } from '../src/alerts/server-watch.js';

/** Seconds of a day that are simulated for each quiet path, and how many paths. */
const DAY = 86_400;
const QUIET_PATHS = 3;
/** What an operator bears (V8.2). */
const MAX_FALSE_PER_PATH_DAY = 0.5;

type Shape = (second: number, random: SeededRandom) => Partial<ServerSignals>;

/** A path over the Internet: a round trip that goes with the day, jitter, queues that come and go, a little loss. */
function quiet(second: number, random: SeededRandom): ServerSignals {
  const day = 1 + 0.1 * Math.sin((2 * Math.PI * second) / DAY);
  const jitter = -Math.log(1 - random.float()) * 1.5;
  const queue = second % 700 < 3 ? 30 * random.float() : 0;
  const lossRate = random.float() < 0.02 ? 0.02 * random.float() : 0;
  return { server: 'north', paths: 2, usable: 2, rttMs: 20 * day + jitter + queue, lossRate, failovers: 0 };
}

/** Seconds until the first alert after the fault begins, and what it says; the second at which it is gone after the fault. */
function watch(seed: number, fault: Shape, beginS: number, lengthS: number) {
  const random = new SeededRandom(seed);
  const guard = new ServerWatch();
  let detectedS: number | undefined;
  let finding: Finding | undefined;
  let early = 0;
  let lastS = 0;
  for (let second = 0; second < beginS + lengthS + 600; second++) {
    const inFault = second >= beginS && second < beginS + lengthS;
    const signal = { ...quiet(second, random), ...(inFault ? fault(second - beginS, random) : {}) };
    const [found] = guard.round([signal]);
    if (found === undefined) continue;
    lastS = second - beginS - lengthS;
    if (!inFault) early += second < beginS ? 1 : 0;
    else if (detectedS === undefined) {
      detectedS = second - beginS;
      finding = found;
    }
  }
  return { detectedS, finding, early, goneAfterS: lastS + 1 };
}

describe('detection, judged on simulated paths of which the truth is known', () => {
  test.each<[string, Shape, RegExp, number]>([
    ['a round trip that triples', () => ({ rttMs: 60 }), /got slower suddenly/u, 6],
    [
      'a round trip that grows by half over half an hour',
      (s) => ({ rttMs: 20 + Math.min(30, s / 60) }),
      /got slower/u,
      1500,
    ],
    ['5 % loss', (_s, random) => ({ lossRate: 0.04 + 0.02 * random.float() }), /loses packets/u, 30],
    ['a server that is gone', () => ({ usable: 0 }), /does not answer/u, 3],
    ['a link that comes and goes', (s) => ({ failovers: s % 3 === 0 ? 1 : 0 }), /comes and goes/u, 30],
  ])('%s is found', (_name, fault, words, withinS) => {
    for (const seed of [1, 2, 3]) {
      const { detectedS, finding, early, goneAfterS } = watch(seed, fault, 3600, 1800);
      expect(finding?.title).toMatch(words);
      expect(detectedS).toBeLessThanOrEqual(withinS);
      expect(early).toBe(0);
      expect(goneAfterS).toBeLessThan(400);
    }
  });

  test('days without a fault have next to no alerts (V8.2)', () => {
    let alarms = 0;
    for (let path = 0; path < QUIET_PATHS; path++) {
      const random = new SeededRandom(100 + path);
      const guard = new ServerWatch();
      let open = false;
      for (let second = 0; second < DAY; second++) {
        const found = guard.round([quiet(second, random)]).length > 0;
        if (found && !open) alarms += 1;
        open = found;
      }
    }
    expect(alarms / QUIET_PATHS).toBeLessThanOrEqual(MAX_FALSE_PER_PATH_DAY);
  });

  test('one dead server is one finding whatever its paths do, and many at once are this end', () => {
    const guard = new ServerWatch();
    const names = ['a', 'b', 'c', 'd'];
    const random = new SeededRandom(9);
    const round = (dead: readonly string[]): Finding[] =>
      guard.round(
        names.map((server) => ({
          ...quiet(0, random),
          server,
          ...(dead.includes(server) && { usable: 0, paths: 40 }),
        })),
      );
    for (let second = 0; second < 60; second++) round([]);
    let findings: Finding[] = [];
    for (let second = 0; second < 10; second++) findings = round(['b']);
    expect(findings.map(({ id, severity, now }) => [id, severity, now])).toEqual([
      ['server b', 'critical', 'none of 40 for 10 s'],
    ]);
    for (let second = 0; second < 10; second++) findings = round(['b', 'c', 'd']);
    expect(findings.map(({ id }) => id)).toEqual(['network here']);
  });

  test('what this end did itself is no anomaly', () => {
    const random = new SeededRandom(4);
    const guard = new ServerWatch();
    for (let second = 0; second < 300; second++) guard.round([quiet(second, random)]);
    guard.ownAction('north');
    for (let second = 0; second < 25; second++) {
      expect(guard.round([{ ...quiet(second, random), usable: 0 }])).toEqual([]);
    }
  });
});
