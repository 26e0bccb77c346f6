import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { TestRandom } from '../../test-support/random.js';
import { MemoryLedger, type AccountHolder, type MemoryAccount } from './memory-ledger.js';
import { AheadShares, type AheadUser } from './ahead-shares.js';

const ALL_BYTES = 4_000_000;
const READ_BYTES = 64 * 1024;
/** What a session may always have, so that it moves. */
const LEAST_BYTES = 16 * 1024;

/** 1 where all have the same, 1/n where one has everything (Jain, 1984). */
function jain(values: readonly number[]): number {
  const sum = values.reduce((whole, value) => whole + value, 0);
  return sum ** 2 / (values.length * values.reduce((whole, value) => whole + value ** 2, 0));
}

interface Session extends AccountHolder {
  /** Of what is read ahead, so much goes out in a tick; a session that wants little has little to send. */
  readonly wantBytes?: number;
}

/** Sessions read ahead what they may, in any order, and send a quarter of it each tick. Returns what each has sent. */
function transfer(sessions: readonly Session[], ticks = 300, ledger = new MemoryLedger({ readAheadBytes: ALL_BYTES })) {
  const random = new TestRandom(sessions.length);
  const all = sessions.map(({ wantBytes = Infinity, ...holder }) => {
    const account = ledger.open(
      () => undefined,
      () => false,
      holder,
    );
    return { account, wantBytes, sentBytes: 0 };
  });
  let most = 0;
  for (let tick = 0; tick < ticks; tick++) {
    const first = random.below(all.length);
    for (let turn = 0; turn < all.length; turn++) fill(all[(first + turn) % all.length]!);
    // Who comes first has everything until others come: that is over after a while.
    const isSteady = tick >= ticks / 3;
    if (isSteady) most = Math.max(most, ledger.use.readAheadBytes);
    for (const one of all) {
      const bytes = Math.ceil(one.account.reading.bytes / 4);
      one.account.reading.change(-bytes);
      if (isSteady) one.sentBytes += bytes;
    }
  }
  return { sent: all.map(({ sentBytes }) => sentBytes), most, accounts: all.map(({ account }) => account) };
}

function fill({ account, wantBytes }: { account: MemoryAccount; wantBytes: number }): void {
  for (;;) {
    const wanted = Math.min(READ_BYTES, wantBytes - account.reading.bytes);
    const bytes = wanted <= 0 ? 0 : account.reading.roomFor(wanted);
    if (bytes === 0) return;
    account.reading.change(bytes);
  }
}

const sum = (values: readonly number[]): number => values.reduce((whole, value) => whole + value, 0);

describe('what is read ahead', () => {
  test('is shared alike by equal peers under pressure, and stays within what there is', () => {
    const { sent, most } = transfer(Array.from({ length: 40 }, (_, index) => ({ peer: `peer ${index}` })));
    expect(jain(sent)).toBeGreaterThanOrEqual(0.95);
    expect(most).toBeLessThanOrEqual(1.25 * ALL_BYTES + 40 * LEAST_BYTES);
  });

  test('gives a peer with 100 sessions no more than one with a single session', () => {
    const hundred = Array.from({ length: 100 }, () => ({ peer: 'many' }));
    const { sent } = transfer([{ peer: 'one' }, ...hundred, { peer: 'other' }]);
    const [one, many, other] = [sent[0]!, sum(sent.slice(1, 101)), sent[101]!];
    // Each session moves, however many there are: that alone is beyond the shares.
    const least = (200 * 100 * LEAST_BYTES) / 4;
    expect(many).toBeLessThanOrEqual(1.1 * one + least);
    expect(jain([one, other])).toBeGreaterThanOrEqual(0.95);
  });

  test('that one does not need is there for the others', () => {
    const modest = Array.from({ length: 10 }, (_, index) => ({ peer: `modest ${index}`, wantBytes: 20_000 }));
    const { sent, accounts } = transfer([...modest, { peer: 'a' }, { peer: 'b' }]);
    // A twelfth each would be 333 kB.
    for (const account of accounts.slice(10)) expect(account.reading.share).toBeGreaterThan(1_700_000);
    expect(jain(sent.slice(0, 10))).toBeGreaterThan(0.99);
    expect(sent[0]).toBeGreaterThanOrEqual((200 * 20_000) / 4 - 200);
  });

  test('goes by weight, between peers and within one', () => {
    const { sent } = transfer([
      { peer: 'heavy', weight: 3 },
      { peer: 'light' },
      { peer: 'both', weight: 2 },
      { peer: 'both' },
    ]);
    const [heavy, light, two, one] = sent as [number, number, number, number];
    expect(heavy / light).toBeCloseTo(3, 0);
    expect(two / one).toBeCloseTo(2, 0);
    expect((two + one) / light).toBeCloseTo(2, 0);
  });

  test('costs a session that reads a small part of what looking at all of them would', () => {
    const shares = new AheadShares({ allBytes: 64 * 1024 * 1024, sessionBytes: 8 * 1024 * 1024 });
    let looks = 0;
    const readers = Array.from({ length: 10_000 }, (): AheadUser => {
      return {
        peer: {},
        weight: 1,
        heldBack: true,
        get bytes() {
          looks++;
          return READ_BYTES;
        },
      };
    });
    for (const reader of readers) shares.join(reader);
    looks = 0;
    for (const reader of readers) {
      shares.leave(reader);
      shares.join(reader);
      shares.shareOf(reader);
      shares.onTaken(READ_BYTES);
    }
    // Each is looked at once for each eighth of all that is read: here every 128 reads.
    expect(looks / readers.length).toBeLessThanOrEqual(readers.length / 128 + 4);
  });

  test('whatever sessions do: nobody is without any, and who asks has a share', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = new TestRandom(seed);
        const ledger = new MemoryLedger({ readAheadBytes: 1_000_000 });
        const open = (): MemoryAccount =>
          ledger.open(
            () => undefined,
            () => false,
            { peer: `peer ${random.below(4)}`, weight: 1 + random.below(3) },
          );
        const accounts = Array.from({ length: 12 }, open);
        for (let step = 0; step < 100; step++) {
          const index = random.below(accounts.length);
          const account = accounts[index]!;
          const wanted = 1 + random.below(200_000);
          switch (random.below(5)) {
            case 0:
              account.reading.change(-random.below(account.reading.bytes + 1));
              break;
            case 1:
              account.close();
              accounts[index] = open();
              break;
            default: {
              const before = account.reading.bytes;
              const room = account.reading.roomFor(wanted);
              expect(room).toBeLessThanOrEqual(wanted);
              if (before === 0) expect(room).toBeGreaterThanOrEqual(Math.min(wanted, LEAST_BYTES));
              else expect(before + room).toBeLessThanOrEqual(Math.max(before, account.reading.share));
              account.reading.change(room);
            }
          }
          expect(account.reading.share).toBeGreaterThan(0);
          expect(account.reading.share).toBeLessThanOrEqual(1_000_000);
        }
        for (const account of accounts) account.close();
        expect(ledger.use.readAheadBytes).toBe(0);
        expect(ledger.open(() => undefined).reading.share).toBe(1_000_000);
      }),
      { numRuns: 30 },
    );
  });
});
