import { describe, expect, test } from '@jest/globals';
import { KwikError } from '@kwik/wire';
import { HealthBook } from './health-book.js';
import type { HealthOptions } from './health-options.js';

const failure = { kind: 'failure', error: new KwikError('ERR_KWIK_TIMEOUT', 'no answer') } as const;
const success = (rttMs?: number) => ({ kind: 'success', ...(rttMs !== undefined && { rttMs }) }) as const;

function bookOf(count: number, options: Partial<HealthOptions> = {}, random = () => 0.5): HealthBook {
  const book = new HealthBook(options, random);
  for (let n = 0; n < count; n++) book.learn(`s${n}`, 0);
  return book;
}

describe('the health of servers', () => {
  test('three failures in a row put a server out, longer with each relapse, and good conduct is remembered', () => {
    const book = bookOf(10);
    const fall = (now: number): string | undefined => {
      for (let n = 0; n < 3; n++) book.observe('s0', failure, now);
      return book.ejected('s0', now);
    };
    book.observe('s0', failure, 0);
    book.observe('s0', failure, 0);
    book.observe('s0', success(), 0);
    book.observe('s0', failure, 0);
    expect(book.ejected('s0', 0)).toBeUndefined();
    expect(fall(0)).toBe('3 failures in a row, the last: no answer, for 10 s more');
    expect(book.ejected('s0', 10_000)).toBeUndefined();
    expect(fall(11_000)).toMatch(/for 20 s more/);
    expect(fall(32_000)).toMatch(/for 40 s more/);
    expect(fall(72_000 + 3 * 300_000)).toMatch(/for 10 s more/);
  });

  test('who went out, and who is in again, is said once, and of who is gone nothing', () => {
    const book = bookOf(10);
    const fall = (key: string): void => {
      for (let n = 0; n < 3; n++) book.observe(key, failure, 0);
    };
    for (const key of ['s0', 's1']) fall(key);
    expect(book.turns(0).map(({ key, ejected }) => [key, ejected === undefined])).toEqual([
      ['s0', false],
      ['s1', false],
    ]);
    book.forget('s1');
    expect(book.turns(9999)).toEqual([]);
    expect(book.turns(10_000)).toEqual([{ key: 's0', ejected: undefined }]);
    expect(book.turns(10_000)).toEqual([]);
    fall('s2');
    expect(book.turns(30_000)).toEqual([]);
  });

  test('a server that fails three times as often as the others is found among them', () => {
    const book = bookOf(5);
    for (let n = 0; n < 5; n++) {
      for (let use = 0; use < 20; use++) {
        book.observe(`s${n}`, n === 4 && use % 2 === 0 ? failure : success(20), use * 100);
      }
    }
    book.sweep(5000);
    expect(book.ejected('s4', 5000)).toMatch(/50 % of its uses succeed, 90 % on average/);
    expect(book.ejected('s0', 5000)).toBeUndefined();
  });

  test('a server of far longer round trips is put out; one that is merely far is not', () => {
    const book = bookOf(5);
    for (let n = 0; n < 4; n++) book.observe(`s${n}`, success(20 + n * 20), 0);
    book.observe('s4', success(900), 0);
    book.sweep(5000);
    expect(book.ejected('s4', 5000)).toMatch(/round trip is 900 ms/);
    expect(book.ejected('s3', 5000)).toBeUndefined();
  });

  test('the cap counts the server that would go out: of five at most one, of ten three', () => {
    for (const [count, most] of [
      [2, 1],
      [5, 1],
      [10, 3],
      [200, 60],
    ] as const) {
      const book = bookOf(count);
      for (let n = 0; n < count; n++) for (let tries = 0; tries < 3; tries++) book.observe(`s${n}`, failure, 0);
      let out = 0;
      for (let n = 0; n < count; n++) if (book.ejected(`s${n}`, 0) !== undefined) out++;
      expect([count, out]).toEqual([count, most]);
    }
  });

  test('only idle servers are probed, each at a time of its own, and once until the answer is there', () => {
    let draw = 0;
    const book = bookOf(4, {}, () => (draw++ % 4) / 4);
    book.observe('s0', success(10), 10_000);
    const due = [11_000, 12_000, 15_000, 18_000, 30_000].map((now) => book.dueProbes(now, 9));
    expect(due.flat().sort()).toEqual(['s0', 's1', 's2', 's3']);
    expect(due.filter((keys) => keys.length > 0).length).toBeGreaterThan(2);
    expect(due[4]).toEqual(['s0']);
    expect(book.dueProbes(60_000, 9)).toEqual([]);
    book.observe('s1', success(10), 60_000);
    expect(book.dueProbes(80_000, 9)).toEqual(['s1']);
    expect(bookOf(100).dueProbes(60_000, 16)).toHaveLength(16);
    expect(bookOf(3, { probeAfterMs: 0 }).dueProbes(1e9, 9)).toEqual([]);
  });

  test('a server whose heartbeats stop is noticed within 30 s; a late process suspects nobody', () => {
    const book = bookOf(10);
    for (let now = 0; now <= 60_000; now += 5000) for (let n = 0; n < 10; n++) book.heartbeat(`s${n}`, now);
    // This process stood still for two minutes.
    book.pause(120_000);
    book.sweep(180_000);
    for (let n = 0; n < 10; n++) expect(book.ejected(`s${n}`, 180_000)).toBeUndefined();
    let goneMs = 0;
    for (let now = 181_000; goneMs === 0 && now < 240_000; now += 1000) {
      for (let n = 1; n < 10; n++) if (now % 5000 === 0) book.heartbeat(`s${n}`, now);
      book.sweep(now);
      if (book.ejected('s0', now) !== undefined) goneMs = now - 180_000;
    }
    expect(goneMs).toBeGreaterThan(0);
    expect(goneMs).toBeLessThan(30_000);
    expect(book.ejected('s1', 240_000)).toBeUndefined();
  });

  test('what is forgotten costs nothing and is not judged', () => {
    const book = bookOf(3);
    book.forget('s0');
    book.observe('s0', failure, 0);
    book.heartbeat('s0', 0);
    expect(book.ejected('s0', 0)).toBeUndefined();
    expect(book.rttMs('s0')).toBeUndefined();
  });
});
