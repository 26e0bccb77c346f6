import { describe, expect, test } from '@jest/globals';
import { CounterRegistry } from '@kwik/wire';
import { pathReading, sessionReading } from '../test-support/sources.js';
import { Telemetry } from '../telemetry.js';
import type { AlertChange } from './alert.js';
import { AlertWatch } from './alert-watch.js';
import type { Detector } from './detectors/detector.js';
import type { OwnDetector } from './detectors/own-detectors.js';

/** As a program in JavaScript may have it. */
const wrong = (value: unknown): never => value as never;
const QUIET = { alarming: false, normal: 1 };

/** A client of some servers, of which `paths` may be changed, watched for as many seconds as are asked for. */
function watched(detectors: OwnDetector, servers: readonly string[] = ['north']) {
  const counters = new CounterRegistry();
  const overrides = { state: 'active', rttMs: 20, lossRate: 0 };
  const paths = () => servers.map((server, pathId) => pathReading({ ...overrides, server, pathId }));
  counters.add({ kind: 'session', role: 'client', read: () => sessionReading({ paths: paths() }) });
  const told: AlertChange[] = [];
  let nowMs = 0;
  const watch = new AlertWatch({
    counters,
    detectors,
    sinks: [(change) => void told.push(change)],
    wallClockMs: () => nowMs,
  });
  const seconds = (count: number): void => {
    for (let second = 0; second < count; second++, nowMs += 1000) watch.round();
  };
  return {
    watch,
    overrides,
    told,
    seconds,
    titles: () => told.map(({ change, alert }) => `${change}: ${alert.title}`),
  };
}

/** A learned model as it might be: it knows that a round trip of more than 22 ms is none of this server's. */
const model: Detector = { observe: (value) => ({ alarming: value > 22, normal: 20 }) };

describe('detectors of a program', () => {
  test('see what they were made for, and find what those that are built in bear', () => {
    const { watch, overrides, told, seconds, titles } = watched((_server, series) =>
      series === 'rtt' ? model : undefined,
    );
    using _end = watch;
    seconds(60);
    overrides.rttMs = 23;
    seconds(20);
    expect(titles()).toEqual(['raised: server north is not as usual']);
    expect(told[0]!.alert).toMatchObject({
      id: 'server north',
      severity: 'warning',
      normal: 'round trip 20.0 ms',
      now: 'round trip 23.0 ms',
      cause: expect.stringContaining('a detector of this program'),
    });
    overrides.rttMs = 20;
    seconds(20);
    expect(titles().at(-1)).toBe('resolved: server north is not as usual');
  });

  test('are made once for each series of a server, of 64 servers at the most', () => {
    const made = new Map<string, number>();
    const servers = Array.from({ length: 200 }, (_, index) => `server ${index}`);
    const { watch, seconds } = watched((server, series) => {
      made.set(`${server} ${series}`, (made.get(`${server} ${series}`) ?? 0) + 1);
      return { observe: () => QUIET };
    }, servers);
    using _end = watch;
    seconds(50);
    expect(made.size).toBe(64 * 3);
    expect(new Set(made.values())).toEqual(new Set([1]));
  });

  const faults: [string, () => unknown, RegExp][] = [
    ['throws', () => wrong(throwing(new Error('no such layer'))), /north, rtt: no such layer/],
    ['throws what has no words', () => throwing(Object.create(null)), /without words/],
    ['returns nothing', () => undefined, /returned no \{ alarming/],
    ['returns another kind of thing', () => 'yes', /returned no \{ alarming/],
    ['says that nothing is normal', () => ({ alarming: true, normal: Number.NaN }), /returned no \{ alarming/],
    ['answers later, with an error', () => Promise.reject(new Error('late')), /returned no \{ alarming/],
  ];

  test.each(faults)('one that %s is asked no more, and an alert says so, once', async (_what, answer, words) => {
    let asked = 0;
    const { watch, overrides, told, seconds, titles } = watched((_server, series) => {
      if (series !== 'rtt') return undefined;
      return {
        observe: () => {
          asked += 1;
          return wrong(answer());
        },
      };
    });
    using _end = watch;
    seconds(60);
    expect(asked).toBe(1);
    expect(titles()).toEqual(['raised: a detector of this program failed']);
    expect(told[0]!.alert.now).toMatch(words);
    // Those that are built in go on.
    overrides.state = 'suspected';
    seconds(5);
    expect(titles().at(-1)).toBe('raised: server north does not answer');
    await new Promise(setImmediate);
  });

  test.each<[string, OwnDetector, RegExp]>([
    ['cannot be made', () => throwing(new Error('no file of weights')), /no file of weights/],
    ['are none', () => wrong({ predict: () => 5 }), /no function observe/],
    ['are null', () => wrong(null), /no function observe/],
    ['are made later, and never', () => wrong(Promise.reject(new Error('late'))), /no function observe/],
    ['fail with a book', () => throwing(new Error('x'.repeat(1e6))), /^.{150,250}$/],
  ])('such as %s break nothing', async (_what, detectors, words) => {
    const { watch, overrides, told, seconds, titles } = watched(detectors);
    using _end = watch;
    seconds(30);
    expect(told[0]!.alert.now).toMatch(words);
    overrides.state = 'suspected';
    seconds(5);
    expect(titles()).toEqual(['raised: a detector of this program failed', 'raised: server north does not answer']);
    await new Promise(setImmediate);
  });

  test('are those of the whole telemetry, too', () => {
    const counters = new CounterRegistry();
    counters.add({ kind: 'session', role: 'client', read: () => sessionReading() });
    const asked: string[] = [];
    using telemetry = new Telemetry({
      counters,
      detectors: (server, series) => {
        asked.push(`${server} ${series}`);
        return undefined;
      },
    });
    telemetry.alerts.round();
    expect(asked).toEqual(['north rtt', 'north loss', 'north failovers']);
  });
});

function throwing(error: unknown): never {
  throw error;
}
