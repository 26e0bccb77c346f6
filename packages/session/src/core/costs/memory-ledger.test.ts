import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TestRandom } from '../../test-support/random.js';
import { waterLevel } from './fair-shares.js';
import { FREE_OVERHEAD_BYTES, MemoryLedger, type MemoryAccount } from './memory-ledger.js';

type Charge = [bytes: number, overhead: number];

const excess = expect.objectContaining({ code: 'ERR_KWIK_EXCESSIVE_LOAD' });
const limit = expect.objectContaining({ code: 'ERR_KWIK_LIMIT_EXCEEDED' });
const nobody = (): void => {
  throw new Error('no session had to end');
};

describe('MemoryLedger', () => {
  it('adds up what all sessions hold, and gives back what a session held that is over', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = new TestRandom(seed);
        const ledger = new MemoryLedger();
        const open = new Map<MemoryAccount, [held: number, overhead: number]>();
        for (let step = 0; step < 100; step++) {
          const chosen = random.below(10);
          if (chosen === 0 || open.size === 0) open.set(ledger.open(nobody), [0, 0]);
          const account = random.pick([...open.keys()]);
          const [held, overhead] = open.get(account)!;
          if (chosen === 1) {
            account.close();
            account.hold(100, 100);
            open.delete(account);
          } else {
            const next: [number, number] = [random.below(1000), random.below(1000)];
            account.hold(next[0] - held, next[1] - overhead);
            open.set(account, next);
          }
          const sum = (which: 0 | 1): number => [...open.values()].reduce((all, each) => all + each[which], 0);
          expect(ledger.use).toMatchObject({ heldBytes: sum(0), overheadBytes: sum(1), overdrawn: 0 });
        }
      }),
      { numRuns: 50 },
    );
  });

  it('lets pieces cost as much as their bytes and a free amount, and no more', () => {
    const ledger = new MemoryLedger();
    const ended: string[] = [];
    const account = ledger.open(({ code }) => ended.push(code));
    account.hold(1000, FREE_OVERHEAD_BYTES + 1000);
    expect(() => account.hold(0, 1)).toThrow(excess);
    expect(ended).toEqual(['ERR_KWIK_EXCESSIVE_LOAD']);
    expect(ledger.use).toEqual({ heldBytes: 0, overheadBytes: 0, readAheadBytes: 0, writeAheadBytes: 0, overdrawn: 1 });
  });

  it('has a session let go of what one path wastes, as long as that helps, before it ends it', () => {
    const ledger = new MemoryLedger({ freeOverheadBytes: 1000, overheadBytes: 1500 });
    const ended: string[] = [];
    const asked: string[] = [];
    const wasted = [300, 600];
    const account = ledger.open(
      ({ code }) => ended.push(code),
      ({ code }) => {
        asked.push(code);
        const bytes = wasted.shift() ?? 0;
        if (bytes > 0) account.hold(0, -bytes);
        // With nothing left to let go of, it may say what it likes.
        return true;
      },
    );
    account.hold(0, 1700);
    expect([asked.length, ended, account.overheadBytes]).toEqual([2, [], 800]);
    expect(ledger.use).toMatchObject({ overheadBytes: 800, overdrawn: 0 });
    expect(() => account.hold(0, 300)).toThrow(excess);
    expect([asked.length, ended]).toEqual([3, ['ERR_KWIK_EXCESSIVE_LOAD']]);
    expect(ledger.use).toMatchObject({ overheadBytes: 0, overdrawn: 1 });
  });

  it.each([
    ['bytes', [10, 0], [300, 0], [200, 0]],
    ['overhead', [0, 10], [0, 300], [0, 200]],
  ] as [string, Charge, Charge, Charge][])(
    'ends the session that holds most %s when all together hold too much',
    (_name, small, most, last) => {
      const ledger = new MemoryLedger({ heldBytes: 500, overheadBytes: 500 });
      const ended: string[] = [];
      const [one, two, three] = ['one', 'two', 'three'].map((name) =>
        ledger.open((error) => ended.push(`${name} ${error.code}`)),
      );
      one!.hold(...small);
      two!.hold(...most);
      three!.hold(...last);
      expect(ended).toEqual(['two ERR_KWIK_LIMIT_EXCEEDED']);
      expect(ledger.use.heldBytes + ledger.use.overheadBytes).toBe(210);
      expect(() => three!.hold(...most)).toThrow(limit);
      expect(ended).toEqual(['two ERR_KWIK_LIMIT_EXCEEDED', 'three ERR_KWIK_LIMIT_EXCEEDED']);
      expect(ledger.use).toMatchObject({ overdrawn: 2 });
      expect(ledger.use.heldBytes + ledger.use.overheadBytes).toBe(10);
    },
  );

  it('ends the largest session of the peer that holds most, and no peer fares better for having many', () => {
    const ledger = new MemoryLedger({ heldBytes: 1000 });
    const ended: string[] = [];
    const open = (peer: string, name: string) =>
      ledger.open(
        () => ended.push(name),
        () => false,
        { peer },
      );
    const many = Array.from({ length: 60 }, (_, index) => open('many', `many ${index}`));
    const alone = open('alone', 'alone');
    alone.hold(400, 0);
    for (const account of many) account.hold(10, 0);
    expect(ended).toEqual([]);
    // The largest session of all is that of the peer which has no more than its share.
    expect(() => many[7]!.hold(5, 0)).toThrow(limit);
    expect(ended).toEqual(['many 7']);
    open('weighty', 'weighty').hold(20, 0);
    expect(ended).toHaveLength(2);
    expect(ended[1]).toMatch(/^many /u);
  });

  it('lets a session of more weight hold more before it is the one that goes', () => {
    const ledger = new MemoryLedger({ heldBytes: 900 });
    const ended: string[] = [];
    const open = (name: string, weight: number) =>
      ledger.open(
        () => ended.push(name),
        () => false,
        { weight },
      );
    const [light, heavy] = [open('light', 1), open('heavy', 3)];
    heavy.hold(600, 0);
    expect(() => light.hold(301, 0)).toThrow(limit);
    expect(ended).toEqual(['light']);
  });

  it('ends a session of a peer that is above its fair share, and of these of one that has most by its weight', () => {
    const holds = fc.array(
      fc.record({ bytes: fc.integer({ min: 1, max: 1000 }), weight: fc.integer({ min: 1, max: 5 }) }),
      {
        minLength: 1,
        maxLength: 20,
      },
    );
    fc.assert(
      fc.property(holds, fc.nat(1000), (peers, more) => {
        const heldBytes = peers.reduce((sum, { bytes }) => sum + bytes, 0);
        const ledger = new MemoryLedger({ heldBytes });
        const ended: number[] = [];
        const open = (peer: number, weight: number) =>
          ledger.open(
            () => ended.push(peer),
            () => false,
            { peer: `${peer}`, weight },
          );
        const [first] = peers.map(({ bytes, weight }, peer) => {
          const account = open(peer, weight);
          account.hold(bytes, 0);
          return account;
        });
        const claims = peers.map(({ bytes, weight }, peer) => ({ want: bytes + (peer === 0 ? more + 1 : 0), weight }));
        try {
          first!.hold(more + 1, 0);
        } catch {
          // It is the one that goes.
        }
        const gone = claims[ended[0]!]!;
        expect(gone.want).toBeGreaterThan(waterLevel(heldBytes, claims) * gone.weight);
        for (const { want, weight } of claims) expect(gone.want / gone.weight).toBeGreaterThanOrEqual(want / weight);
      }),
    );
  });

  it('shares what may be read ahead among those who do, and leaves nobody without any', () => {
    const ledger = new MemoryLedger({ readAheadBytes: 1_000_000 });
    const accounts = Array.from({ length: 100 }, () => ledger.open(nobody));
    for (const account of accounts) {
      const room = account.reading.roomFor(1_000_000);
      expect(room).toBeGreaterThanOrEqual(10_000);
      account.reading.change(room);
      expect(account.reading.roomFor(1)).toBe(0);
    }
    // Those who came first have what was a fair share then: a sum of shares that fall as 1/n.
    expect(ledger.use.readAheadBytes).toBeLessThan(1_000_000 * (1 + Math.log(100)) + 100 * 16_384);
    for (const account of accounts) account.close();
    expect(ledger.use.readAheadBytes).toBe(0);
    // What load no longer needs is there again at once.
    expect(ledger.open(nobody).reading.roomFor(2_000_000)).toBe(1_000_000);
  });
});
