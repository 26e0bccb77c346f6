import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { AuditEvent, ServerConduct, ServerUse } from '@kwik/wire';
import fc from 'fast-check';
import { NoteSigner } from '../notes/signed-note.js';
import { reportReputation, SharedReputation } from './reputation.js';
import { TrustScores } from './trust-scores.js';

const NOW_MS = Date.UTC(2026, 10, 29);
const HOUR_MS = 3600 * 1000;
const DAY_MS = 24 * HOUR_MS;
const PIN = 'ab'.repeat(32);
const SERVER = { address: 'one.example:443', pin: PIN };
const OTHER = { address: 'two.example:443', pin: 'cd'.repeat(32) };

function scoresAfter(...conduct: readonly ServerConduct[]): TrustScores {
  const scores = new TrustScores();
  for (const one of conduct) scores.observe(SERVER, one, NOW_MS);
  return scores;
}
const times = (count: number, conduct: ServerConduct): ServerConduct[] => Array<ServerConduct>(count).fill(conduct);
const may = (scores: TrustScores, use: ServerUse, nowMs = NOW_MS, server = SERVER): boolean =>
  scores.refusal(server, [use], nowMs) === undefined;

describe('a server', () => {
  test('that nobody knows may bring what is checked and what is not, with the defaults; a policy may ask for more', () => {
    expect(may(new TrustScores(), 'replica')).toBe(true);
    const strict = new TrustScores({ policy: { minimum: { contribute: 0.9 } } });
    strict.observe(SERVER, 'connected', NOW_MS);
    expect(may(strict, 'contribute')).toBe(false);
    for (const conduct of times(30, 'delivered')) strict.observe(SERVER, conduct, NOW_MS);
    expect(may(strict, 'contribute')).toBe(true);
  });

  test('that sent wrong content is excluded at once, whatever it did before', () => {
    for (const conduct of ['wrong-content', 'violation'] as const) {
      const scores = scoresAfter(...times(1000, 'delivered'), conduct);
      expect(scores.refusal(SERVER, ['replica'], NOW_MS)).toMatch(/wrong content or broke a rule, until 2026-11-30/u);
      expect(may(scores, 'replica', NOW_MS, OTHER)).toBe(true);
    }
  });

  test('is known by its key elsewhere, and by its address under another key', () => {
    const scores = scoresAfter('wrong-content');
    expect(may(scores, 'relay', NOW_MS, { address: 'elsewhere.example:443', pin: PIN.toUpperCase() })).toBe(false);
    expect(may(scores, 'relay', NOW_MS, { address: 'One.example:443', pin: 'ef'.repeat(32) })).toBe(false);
    expect(scores.refusal({ address: 'one.example:443' }, ['relay'], NOW_MS)).toBeDefined();
  });

  test('that is slow is no liar, and is neither excluded nor left alone', () => {
    const scores = scoresAfter(...times(10_000, 'slow'));
    expect(scores.score(SERVER, NOW_MS)).toBe(new TrustScores().score(SERVER, NOW_MS));
    expect(may(scores, 'contribute')).toBe(true);
    expect(scores.standings(NOW_MS)[0]).toMatchObject({ standing: 'good', slowness: 10_000 });
  });

  test('that is unreachable is left alone for a while, twice as long each time, and is tried again', () => {
    const scores = new TrustScores();
    const waits: number[] = [];
    let nowMs = NOW_MS;
    for (let round = 0; round < 4; round++) {
      while (may(scores, 'replica', nowMs)) scores.observe(SERVER, 'unreachable', nowMs);
      const fromMs = nowMs;
      while (scores.standings(nowMs)[0]!.standing === 'quarantine') nowMs += 1000;
      waits.push((nowMs - fromMs) / 1000);
      // What is left of its past decides as well: later it may be used again.
      nowMs += 2 * DAY_MS;
      expect(may(scores, 'replica', nowMs)).toBe(true);
    }
    expect(waits).toEqual([60, 120, 240, 480]);
  });

  test('comes back after an exclusion, at first only for what is checked, and is excluded twice as long the next time', () => {
    const scores = scoresAfter('wrong-content');
    const backMs = NOW_MS + DAY_MS;
    expect(may(scores, 'replica', backMs - 1)).toBe(false);
    expect(may(scores, 'replica', backMs)).toBe(true);
    expect(scores.refusal(SERVER, ['contribute'], backMs)).toMatch(/deliver 100 times more/u);
    for (const conduct of times(100, 'delivered')) scores.observe(SERVER, conduct, backMs);
    expect(may(scores, 'contribute', backMs)).toBe(true);
    scores.observe(SERVER, 'wrong-content', backMs);
    expect(may(scores, 'replica', backMs + 2 * DAY_MS - 1)).toBe(false);
    expect(may(scores, 'replica', backMs + 2 * DAY_MS)).toBe(true);
    scores.observe(SERVER, 'violation', backMs + 2 * DAY_MS);
    scores.pardon(SERVER, backMs + 2 * DAY_MS);
    expect(may(scores, 'contribute', backMs + 2 * DAY_MS)).toBe(true);
  });

  test('is judged by what it did of late: evidence halves in six hours', () => {
    const scores = scoresAfter(...times(100, 'unreachable'));
    const early = scores.score(SERVER, NOW_MS);
    expect(scores.score(SERVER, NOW_MS + DAY_MS)).toBeGreaterThan(early);
    expect(scores.score(SERVER, NOW_MS + 30 * DAY_MS)).toBeCloseTo(2 / 3, 2);
    // A clock that went back does not make evidence grow.
    expect(scores.score(SERVER, NOW_MS - DAY_MS)).toBe(early);
  });

  test('has a score from 0 to 1, which rises with what is good and falls with what is bad', () => {
    const conduct = fc.constantFrom<ServerConduct>('connected', 'delivered', 'unreachable', 'refused-range');
    fc.assert(
      fc.property(fc.array(fc.tuple(conduct, fc.integer({ min: 0, max: HOUR_MS }))), (deeds) => {
        const scores = new TrustScores();
        let nowMs = NOW_MS;
        for (const [one, afterMs] of deeds) {
          nowMs += afterMs;
          const before = scores.score(SERVER, nowMs);
          const quiet = scores.standings(nowMs).every(({ standing }) => standing === 'good');
          scores.observe(SERVER, one, nowMs);
          const after = scores.score(SERVER, nowMs);
          expect(after).toBeGreaterThan(0);
          expect(after).toBeLessThan(1);
          if (one === 'connected' || one === 'delivered') expect(after).toBeGreaterThanOrEqual(before);
          else if (quiet && scores.standings(nowMs)[0]!.standing === 'good') expect(after).toBeLessThanOrEqual(before);
        }
      }),
    );
  });
});

describe('the table of servers', () => {
  test('is bounded, and names that cost nothing do not push a liar out of it', () => {
    const scores = new TrustScores({ maxServers: 100 });
    scores.observe(SERVER, 'wrong-content', NOW_MS);
    for (let number = 0; number < 10_000; number++) {
      scores.observe({ address: `host-${number}:1` }, 'unreachable', NOW_MS);
    }
    expect(scores.standings(NOW_MS)).toHaveLength(100);
    expect(may(scores, 'replica')).toBe(false);
  });

  test('nor do names that fail until they are left alone themselves, however many', () => {
    const scores = new TrustScores({ maxServers: 2000 });
    scores.observe(SERVER, 'wrong-content', NOW_MS);
    for (let number = 0; number < 5000; number++) {
      for (let times = 0; times < 3; times++) scores.observe({ address: `host-${number}:1` }, 'unreachable', NOW_MS);
    }
    expect(scores.standings(NOW_MS)).toHaveLength(2000);
    expect(may(scores, 'replica')).toBe(false);
    // And who is new finds room, at the cost of one that merely failed.
    scores.observe({ address: 'new:1' }, 'wrong-content', NOW_MS);
    expect(scores.refusal({ address: 'new:1' }, ['replica'], NOW_MS)).toMatch(/wrong content/);
  });

  test('writes down who is excluded, left alone and back', () => {
    const events: AuditEvent[] = [];
    const scores = new TrustScores({ audit: { fault: undefined, record: (event) => void events.push(event) } });
    scores.observe({ address: 'one:1' }, 'wrong-content', NOW_MS);
    scores.pardon({ address: 'one:1' }, NOW_MS);
    expect(events).toEqual([
      { kind: 'trust-changed', peer: 'address:one:1', detail: 'good, now excluded' },
      { kind: 'trust-changed', peer: 'address:one:1', detail: 'excluded, now good' },
    ]);
  });

  test.each([[{ minimum: { replica: 2 } }], [{ halfLife: 1 }], [{ quarantine: { below: 'low' } }]])(
    'takes no policy such as %j',
    (policy) => {
      expect(() => new TrustScores({ policy: policy as never })).toThrow(
        expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }),
      );
    },
  );
});

describe('what others say of servers', () => {
  const { privateKey: key } = generateKeyPairSync('ed25519');
  const signer = { name: 'reporter', key };
  const reporter = { key: new NoteSigner('reporter', key).key.text, weight: 0.5 };
  const report = (scores: TrustScores, nowMs = NOW_MS): string =>
    reportReputation(scores, [PIN, OTHER.pin], signer, nowMs);

  test('counts with the weight of who says it, and never more than a few deeds of its own', () => {
    const mine = new TrustScores();
    const shared = new SharedReputation(mine, [reporter]);
    expect(shared.take(report(scoresAfter(...times(1_000_000, 'unreachable').slice(0, 100_000))), NOW_MS)).toBe(1);
    // 10 × 0.5 pieces of evidence.
    expect(mine.score(SERVER, NOW_MS)).toBeLessThan(0.4);
    for (const conduct of times(20, 'delivered')) mine.observe(SERVER, conduct, NOW_MS);
    expect(mine.score(SERVER, NOW_MS)).toBeGreaterThan(0.7);
  });

  test('excludes nobody: that takes wrong bytes that one saw oneself', () => {
    const mine = new TrustScores();
    new SharedReputation(mine, [reporter]).take(report(scoresAfter('wrong-content')), NOW_MS);
    expect(mine.standings(NOW_MS).map(({ standing }) => standing)).not.toContain('excluded');
  });

  test('counts for nothing when a server says it of itself', () => {
    const mine = new TrustScores();
    const shared = new SharedReputation(mine, [{ ...reporter, pin: PIN }]);
    expect(shared.take(report(scoresAfter(...times(50, 'delivered'))), NOW_MS)).toBe(0);
    expect(mine.standings(NOW_MS)).toEqual([]);
  });

  test('is refused when it is forged, by a stranger, old, from the future, or said before', () => {
    const scores = scoresAfter('unreachable');
    const stranger = generateKeyPairSync('ed25519').privateKey;
    const shared = new SharedReputation(new TrustScores(), [reporter]);
    const denied = { code: 'ERR_KWIK_PERMISSION_DENIED' };
    const broken = { code: 'ERR_KWIK_INVALID_MESSAGE' };
    const cases: [string, object][] = [
      [report(scores).replace('"bad":1', '"bad":0'), denied],
      [reportReputation(scores, [PIN], { name: 'reporter', key: stranger }, NOW_MS), denied],
      [report(scores, NOW_MS - DAY_MS - 1), broken],
      [report(scores, NOW_MS + 2 * 60_000), broken],
      [new NoteSigner('reporter', key).sign('kwik-reputation/1\n{}\n'), broken],
      [new NoteSigner('reporter', key).sign('something else\n'), broken],
      ['nothing', broken],
    ];
    for (const [text, error] of cases) expect(() => shared.take(text, NOW_MS)).toThrow(expect.objectContaining(error));
    expect(shared.take(report(scores), NOW_MS)).toBe(1);
    expect(() => shared.take(report(scores), NOW_MS)).toThrow(/a newer one/u);
  });
});
