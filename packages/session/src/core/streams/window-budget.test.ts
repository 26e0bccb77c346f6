import { describe, expect, it } from '@jest/globals';
import { makeStreamId } from '@kwik/wire';
import fc from 'fast-check';
import { ReceiveHalf } from './receive-half.js';
import { firstWindowBytes, WindowBudget } from './window-budget.js';

const MIB = 1024 * 1024;
const MOST = 16 * MIB;
const FIRST = firstWindowBytes(MOST);

/** Streams that share a budget, and what their peer may still send on each. */
class Streams {
  readonly #budget: WindowBudget;
  readonly all: ReceiveHalf[] = [];
  readonly #sent = new Map<ReceiveHalf, number>();

  constructor(bytes: number) {
    this.#budget = new WindowBudget(bytes);
  }

  open(): ReceiveHalf {
    const half = new ReceiveHalf(makeStreamId(BigInt(this.all.length), 'client', true), MOST, undefined, this.#budget);
    this.all.push(half);
    return half;
  }

  /** The peer fills the window; the reader takes so much of what there is. */
  transfer(half: ReceiveHalf, readBytes: number): void {
    const sent = this.#sent.get(half) ?? 0;
    if (half.state === 'open' && half.maxOffset > sent) {
      half.handleData(sent, new Uint8Array(half.maxOffset - sent), false, 0);
      this.#sent.set(half, half.maxOffset);
    }
    for (let left = readBytes; left > 0; ) {
      const chunk = half.read(left);
      if (chunk === undefined) return;
      left -= chunk.data.length;
      half.takeWindowUpdate();
    }
  }

  windowOf(half: ReceiveHalf): number {
    return half.maxOffset - half.readOffset;
  }

  /** What the windows go beyond their first, together. */
  get grown(): number {
    return this.all
      .filter(({ stopCode, resetCode }) => stopCode === undefined && resetCode === undefined)
      .reduce((sum, half) => sum + Math.max(0, this.windowOf(half) - FIRST), 0);
  }
}

describe('windows of streams', () => {
  it('begin small, double with each window that is read, up to the largest', () => {
    const streams = new Streams(MOST);
    const half = streams.open();
    expect(half.maxOffset).toBe(FIRST);
    const windows: number[] = [];
    for (let round = 0; round < 7; round++) {
      streams.transfer(half, Number.POSITIVE_INFINITY);
      windows.push(streams.windowOf(half) / FIRST);
    }
    expect(windows.slice(0, 4)).toEqual([2, 4, 8, 16]);
    expect(windows.at(-1)! * FIRST).toBe(MOST);
  });

  it('stay small while nobody reads, and where a reader has stopped its stream keeps no more than it had', () => {
    const streams = new Streams(MOST);
    const stalled = streams.open();
    for (let round = 0; round < 8; round++) streams.transfer(stalled, Number.POSITIVE_INFINITY);
    streams.transfer(stalled, 0);
    expect(stalled.bufferedBytes).toBe(MOST);
    // Others go on, with what is left: their first window at the least.
    const other = streams.open();
    for (let round = 0; round < 8; round++) streams.transfer(other, Number.POSITIVE_INFINITY);
    expect(other.readOffset).toBeGreaterThan(8 * FIRST);
    expect(streams.windowOf(other)).toBeLessThan(3 * FIRST);
    // And have it all again when the first is given up.
    stalled.stop();
    for (let round = 0; round < 8; round++) streams.transfer(other, Number.POSITIVE_INFINITY);
    expect(streams.windowOf(other)).toBe(MOST);
  });

  it('share evenly when all are read', () => {
    const streams = new Streams(MOST);
    const halves = [streams.open(), streams.open(), streams.open(), streams.open()];
    for (let round = 0; round < 12; round++)
      for (const half of halves) streams.transfer(half, Number.POSITIVE_INFINITY);
    for (const half of halves) expect(streams.windowOf(half)).toBeGreaterThan(0.2 * MOST);
  });

  it('never go beyond the budget together, whatever is read, stopped and reset', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ stream: fc.nat(9), act: fc.nat(9), bytes: fc.nat(3 * MIB) }), { maxLength: 120 }),
        (steps) => {
          const streams = new Streams(2 * MIB);
          for (let count = 0; count < 10; count++) streams.open();
          for (const { stream, act, bytes } of steps) {
            const half = streams.all[stream]!;
            if (act === 0) half.stop();
            else if (act === 1 && half.state === 'open') half.handleReset(0, half.maxOffset);
            else streams.transfer(half, bytes);
            expect(streams.grown).toBeLessThanOrEqual(2 * MIB);
            for (const each of streams.all) expect(streams.windowOf(each)).toBeLessThanOrEqual(MOST);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
