import { describe, expect, test } from '@jest/globals';
import { type FrameObserver, FrameReader } from './frame-reader.js';
import { PeerLedger } from './peer-ledger.js';
import { SmallPieces } from './small-pieces.js';

const CAP = 16_384;

function varint(value: number): number[] {
  if (value < 64) return [value];
  if (value < 16_384) return [0x40 | (value >> 8), value & 0xff];
  return [0x80 | (value >>> 24), (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff];
}

class Log implements FrameObserver {
  readonly frames: string[] = [];
  onStreamFrame(id: number, offset: number, bytes: number): void {
    this.frames.push(`stream ${id} ${offset} ${bytes}`);
  }
  onCryptoFrame(bytes: number): void {
    this.frames.push(`crypto ${bytes}`);
  }
  onNewConnectionId(): void {
    this.frames.push('id');
  }
  onPathChallenge(): void {
    this.frames.push('challenge');
  }
}

function framesOf(bytes: readonly number[]): string[] {
  const log = new Log();
  new FrameReader().read(Uint8Array.from([9, 9, ...bytes, 7, 7]), 2, 2 + bytes.length, log);
  return log.frames;
}

const ID_FRAME = [0x18, 5, 0, 8, ...Array<number>(8 + 16).fill(3)];

describe('FrameReader', () => {
  test('finds frames behind each other kind of frame', () => {
    const others: readonly (readonly number[])[] = [
      [0, 0, 0],
      [0x01],
      [0x02, ...varint(70_000), ...varint(300), 2, 5, 1, 2, 3, 4],
      [0x03, 9, 0, 0, 1, ...varint(100), 2, 3],
      [0x04, 4, ...varint(20_000), 7],
      [0x05, 4, 9],
      [0x07, 3, 1, 2, 3],
      [0x10, ...varint(1_000_000)],
      [0x11, 4, ...varint(1_000_000)],
      [0x12, ...varint(100)],
      [0x13, 50],
      [0x14, 1],
      [0x15, 1, 2],
      [0x16, 1],
      [0x17, 1],
      [0x19, 1],
      [0x1b, 1, 2, 3, 4, 5, 6, 7, 8],
      [0x1e],
    ];
    for (const other of others) expect(framesOf([...other, 0x06, 0, 2, 8, 8, ...other, 0x01])).toEqual(['crypto 2']);
    expect(framesOf([...others.flat(), ...ID_FRAME, 0x1a, 1, 2, 3, 4, 5, 6, 7, 8, 0x01])).toEqual(['id', 'challenge']);
  });

  test('reads streams with and without offset and length, and stops at the end of a connection', () => {
    expect(framesOf([0x0e, 4, ...varint(70_000), 2, 1, 1, 0x0b, 8, 1, 1])).toEqual([
      'stream 4 70000 2',
      'stream 8 0 1',
    ]);
    expect(framesOf([0x0c, 4, 9, 1, 1, 1])).toEqual(['stream 4 9 3']);
    expect(framesOf([0x1d, 0, 0, 0x06, 0, 1, 1])).toEqual([]);
  });

  test('whatever the bytes, it ends', () => {
    let seed = 1;
    for (let round = 0; round < 2_000; round += 1) {
      const bytes = Array.from({ length: round % 200 }, () => (seed = (seed * 48_271) % 2_147_483_647) & 0xff);
      framesOf(bytes);
    }
    expect(framesOf(Array<number>(1_300).fill(0))).toEqual([]);
  });
});

describe('PeerLedger', () => {
  const make = (readUpTo: (id: number) => number = () => 0, strangerBytes?: number): PeerLedger =>
    new PeerLedger(new SmallPieces({ readUpTo }, { pieces: 0 }), strangerBytes, 0);
  const codeOf = (ledger: PeerLedger, now = 0): string | undefined => ledger.problem(0, now)?.code;

  test('takes what an honest peer sends in a life: tickets, some ids, a move now and then for a year', () => {
    const ledger = make();
    for (let i = 0; i < 4; i += 1) ledger.onCryptoFrame(1_000);
    for (let i = 0; i < 7; i += 1) ledger.onNewConnectionId();
    for (let day = 0; day < 365; day += 1) {
      for (let i = 0; i < 20; i += 1) ledger.onPathChallenge();
      expect(codeOf(ledger, (day + 1) * 86_400_000)).toBeUndefined();
    }
  });

  test('ends at a quarter of a megabyte, gives nothing back, and counts a piece as what it costs', () => {
    const charges: readonly [number, (ledger: PeerLedger) => void][] = [
      [1_736, (ledger) => ledger.onCryptoFrame(1)],
      [257, (ledger) => ledger.onNewConnectionId()],
      [1_025, (ledger) => ledger.onPathChallenge()],
    ];
    for (const [limit, charge] of charges) {
      const ledger = make();
      for (let i = 1; i < limit; i += 1) charge(ledger);
      expect(codeOf(ledger)).toBeUndefined();
      charge(ledger);
      charge(ledger);
      expect(codeOf(ledger)).toBe('ERR_KWIK_EXCESSIVE_LOAD');
    }
  });

  test('a stranger has little unread; one that is known what flow control allows', () => {
    const ledger = make(() => 0, 10_000);
    for (let i = 0; i < 11; i += 1) ledger.onStreamFrame(0, i * 1_000, 1_000);
    expect(ledger.problem(1_000, 0)).toBeUndefined();
    expect(ledger.problem(999, 0)?.code).toBe('ERR_KWIK_EXCESSIVE_LOAD');
    ledger.accept();
    expect(ledger.problem(0, 0)).toBeUndefined();
  });

  test('one byte here and there is ended at 16,384 pieces; full packets behind a gap never are', () => {
    const [tiny, full] = [make(), make()];
    for (let i = 0; i < CAP - 1; i += 1) {
      tiny.onStreamFrame(0, 1 + 2 * i, 1);
      full.onStreamFrame(0, 1 + 1_200 * i, 1_200);
    }
    expect([codeOf(tiny), codeOf(full)]).toEqual([undefined, undefined]);
    tiny.onStreamFrame(0, 5_000_000, 1);
    expect(codeOf(tiny)).toBe('ERR_KWIK_EXCESSIVE_LOAD');
  });

  test('a million small messages, each read soon or a window later, are none', () => {
    let read = 0;
    const ledger = make(() => read);
    for (let i = 0; i < 1_000_000; i += 1) {
      ledger.onStreamFrame(0, i * 40, 40);
      read = (i - (i % 10_000)) * 40;
    }
    expect(codeOf(ledger)).toBeUndefined();
  });
});

describe('SmallPieces', () => {
  test('of many connections share one store: each later one gets less, and it comes back', () => {
    const shared = { pieces: 0 };
    const all = Array.from({ length: 200 }, () => new SmallPieces({ readUpTo: () => 0 }, shared));
    const fill = (pieces: SmallPieces): number => {
      for (let count = 1; ; count += 1) if (!pieces.add(0, count)) return count;
    };
    const taken = all.map(fill);
    expect(taken[0]).toBe(CAP);
    expect(taken.at(-1)).toBeLessThan(2_000);
    expect(shared.pieces).toBeLessThan(448 * 1024 + 64 * 200);
    for (const pieces of all) pieces.clear();
    expect(shared.pieces).toBe(0);
    expect(fill(new SmallPieces({ readUpTo: () => 0 }, shared))).toBe(CAP);
  });
});
