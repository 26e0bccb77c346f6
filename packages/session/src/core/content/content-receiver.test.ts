import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { ContentUse } from '@kwik/paths';
import { makeStreamId, toPathId } from '@kwik/wire';
import { BASE_OFFSET, startOf } from '../../test-support/content-world.js';
import { NODE_NATIVES } from '../../runtime/host/node-natives.js';
import { patternBytes } from '../../test-support/random.js';
import { ContentReceiver, type ContentCommand } from './content-receiver.js';

const BLOCK = 16_384;
const SIZE = 10 * BLOCK - 100;
const CONTENT = patternBytes(SIZE);
const primary = toPathId(0);
const other = toPathId(1);
const third = toPathId(2);
const FAR = BASE_OFFSET + SIZE;
const nobodySuspected = (): ContentUse => 'ask';
const code = (name: string): unknown => expect.objectContaining({ code: name });

function receiverOf(size = SIZE, blockBytes = BLOCK): ContentReceiver {
  return new ContentReceiver(startOf({ size, blockBytes }), makeStreamId(0n, 'server', true), NODE_NATIVES.sha256);
}

function block(index: number): Uint8Array {
  return CONTENT.slice(index * BLOCK, (index + 1) * BLOCK);
}

function digests(count: number): Uint8Array {
  return Buffer.concat(Array.from({ length: count }, (_, index) => createHash('sha256').update(block(index)).digest()));
}

function requested(commands: readonly ContentCommand[], pathId = primary): number[] {
  return commands.flatMap((command) =>
    command.kind === 'request' && command.pathId === pathId ? [command.block] : [],
  );
}

describe('ContentReceiver', () => {
  it.each([
    ['blocks that are too small', { blockBytes: 4095 }],
    ['blocks that are too large', { blockBytes: 1024 * 1024 + 1 }],
    ['a size that nobody can count to', { size: 1n << 60n }],
    ['an end that nobody can count to', { size: (1n << 53n) - 100n, baseOffset: 200n }],
  ])('refuses %s', (_name, change) => {
    const start = { ...startOf({ size: SIZE, blockBytes: BLOCK }), ...change };
    expect(() => new ContentReceiver(start, makeStreamId(0n, 'server', true), NODE_NATIVES.sha256)).toThrow(
      code('ERR_KWIK_INVALID_MESSAGE'),
    );
  });

  it('makes no room for more unasked bytes than an honest primary sends', () => {
    const receiver = receiverOf(Number.MAX_SAFE_INTEGER - BASE_OFFSET);
    receiver.addSource(primary, true, 0);
    receiver.expectUnasked(primary, Number.MAX_SAFE_INTEGER, 0);
    expect(receiver.source(primary)!.expectedBytes).toBeLessThanOrEqual(4 * 1024 * 1024);
    receiver.expectUnasked(other, 1e9, 0);
  });

  it('gives out the primary’s blocks at once, and others’ when their digest has come', () => {
    const receiver = receiverOf();
    receiver.addSource(primary, true, 0);
    receiver.addSource(other, false, 0);
    const commands = receiver.plan(0, FAR);
    const [mine] = requested(commands);
    const [theirs] = requested(commands, other);
    receiver.handleData(primary, mine! * BLOCK, block(mine!), 1);
    receiver.handleData(other, theirs! * BLOCK, block(theirs!), 1);
    expect(receiver.takeVerified()).toEqual([{ offset: BASE_OFFSET + mine! * BLOCK, data: block(mine!) }]);
    receiver.handleDigests(0, digests(10), 2);
    expect(receiver.takeVerified()).toEqual([{ offset: BASE_OFFSET + theirs! * BLOCK, data: block(theirs!) }]);
    expect(receiver.takeVerified()).toEqual([]);
  });

  it('drops what it did not ask for, what lies outside, and what comes twice', () => {
    const receiver = receiverOf();
    receiver.addSource(primary, true, 0);
    const [first] = requested(receiver.plan(0, FAR));
    expect(receiver.handleData(primary, 9 * BLOCK, block(9), 1)).toBe(0);
    expect(receiver.handleData(primary, SIZE - 10, new Uint8Array(11), 1)).toBe(0);
    expect(receiver.handleData(primary, -5, new Uint8Array(10), 1)).toBe(0);
    expect(receiver.handleData(third, 0, block(0), 1)).toBe(0);
    expect(receiver.handleData(primary, first! * BLOCK, block(first!).subarray(0, 100), 1)).toBe(100);
    expect(receiver.handleData(primary, first! * BLOCK + 50, block(first!).subarray(50, 200), 1)).toBe(100);
    expect(receiver.source(primary)!.duplicateBytes).toBe(block(9).length + 50);
  });

  it('names the server whose bytes do not match, also when it is dead by then', () => {
    const receiver = receiverOf();
    receiver.addSource(other, false, 0);
    const [index] = requested(receiver.plan(0, FAR), other);
    receiver.handleData(other, index! * BLOCK, new Uint8Array(BLOCK), 1);
    receiver.removeSource(other, 'dead');
    receiver.handleDigests(0, digests(10), 2);
    expect(receiver.takeViolations()).toEqual([{ pathId: other, block: index }]);
    expect(receiver.takeVerified()).toEqual([]);
    receiver.addSource(third, false, 3);
    expect(requested(receiver.plan(3, FAR), third)).toContain(index);
  });

  it('keeps whole blocks of a dead server for their digest, and asks others for the rest', () => {
    const receiver = receiverOf();
    receiver.addSource(other, false, 0);
    const [whole, half] = requested(receiver.plan(0, FAR), other);
    receiver.handleData(other, whole! * BLOCK, block(whole!), 1);
    receiver.handleData(other, half! * BLOCK, block(half!).subarray(0, 100), 1);
    receiver.removeSource(other, 'dead');
    receiver.addSource(third, false, 2);
    const asked = requested(receiver.plan(2, FAR), third);
    expect(asked).toContain(half);
    expect(asked).not.toContain(whole);
  });

  it('does not take back a server that refused or lied, but one that died', () => {
    const receiver = receiverOf();
    for (const [pathId, why] of [
      [primary, 'refused'],
      [other, 'untrusted'],
      [third, 'dead'],
    ] as const) {
      receiver.addSource(pathId, false, 0);
      receiver.removeSource(pathId, why);
      receiver.addSource(pathId, false, 1);
    }
    expect(receiver.sources.map((source) => source.pathId)).toEqual([third]);
  });

  it('does not ask for a block that reaches beyond the window', () => {
    const receiver = receiverOf();
    receiver.addSource(primary, true, 0);
    expect(receiver.plan(0, BASE_OFFSET + BLOCK - 1)).toEqual([]);
    expect(requested(receiver.plan(0, BASE_OFFSET + BLOCK))).toEqual([0]);
    expect(receiver.plan(0, 0)).toEqual([]);
  });

  it('shows the grant with the first request on each path', () => {
    const receiver = receiverOf();
    receiver.addSource(other, false, 0);
    const grants = receiver.plan(0, FAR).map((command) => command.kind === 'request' && command.withGrant);
    expect(grants).toEqual([true, ...grants.slice(1).map(() => false)]);
  });

  it('rests a server that refuses ranges, longer each time, until it delivers', () => {
    const receiver = receiverOf();
    receiver.addSource(primary, true, 0);
    const rests: number[] = [];
    let now = 0;
    for (let round = 0; round < 5; round++) {
      const blocks = requested(receiver.plan(now, FAR));
      expect(blocks).not.toEqual([]);
      receiver.handleRefused(primary, blocks, now);
      const from = now;
      for (; receiver.source(primary)!.suspected; now++) {
        expect(receiver.plan(now, FAR)).toEqual([]);
        receiver.checkSources(now, nobodySuspected);
      }
      rests.push(now - from);
    }
    for (const [index, rest] of rests.entries()) if (index > 0) expect(rest).toBeGreaterThan(1.5 * rests[index - 1]!);
    const [first] = requested(receiver.plan(now, FAR));
    receiver.handleData(primary, first! * BLOCK, block(first!), now);
    expect(receiver.takeVerified()).toHaveLength(1);
    receiver.handleRefused(primary, requested(receiver.plan(now, FAR)), now);
    const refusedAt = now;
    for (; receiver.source(primary)!.suspected; now++) receiver.checkSources(now, nobodySuspected);
    expect(now - refusedAt).toBeLessThanOrEqual(rests[0]!);
  });

  it('asks a silent server anew after a while, even when there is no other', () => {
    const receiver = receiverOf();
    receiver.addSource(primary, true, 0);
    const first = requested(receiver.plan(0, FAR));
    let again: number[] = [];
    let now = 0;
    for (; again.length === 0 && now < 10_000; now += 20) {
      receiver.checkSources(now, nobodySuspected);
      again = requested(receiver.plan(now, FAR));
    }
    expect(again).toEqual(first);
    expect(now).toBeGreaterThan(1500);
    expect(now).toBeLessThan(3000);
  });

  it('is not kept waiting by a server that sends what nobody asked for', () => {
    const receiver = receiverOf();
    receiver.addSource(other, false, 0);
    receiver.plan(0, FAR);
    for (let now = 0; now <= 1200; now += 20) {
      receiver.handleData(other, 9 * BLOCK, block(9), now);
      receiver.checkSources(now, nobodySuspected);
    }
    expect(receiver.source(other)!.suspected).toBe(true);
  });

  it('takes a block in thousands of crumbs for an attack', () => {
    const receiver = receiverOf();
    receiver.addSource(other, false, 0);
    const [index] = requested(receiver.plan(0, FAR), other);
    for (let at = 0; at < 3000; at += 2)
      receiver.handleData(other, index! * BLOCK + at, block(index!).subarray(at, at + 1), 1);
    expect(receiver.takeViolations()).toEqual([{ pathId: other, block: index }]);
    expect(receiver.ledger.copies(index!)).toEqual([]);
  });

  it('cancels the copies that are not needed any more, on living paths', () => {
    const receiver = receiverOf(2 * BLOCK);
    receiver.addSource(primary, true, 0);
    receiver.plan(0, FAR);
    receiver.addSource(other, false, 0);
    // Path 0 falls silent, so path 1 is asked for the same blocks.
    receiver.checkSources(1100, nobodySuspected);
    expect(requested(receiver.plan(1100, FAR), other).sort()).toEqual([0, 1]);
    receiver.handleData(primary, 0, CONTENT.subarray(0, 2 * BLOCK), 1200);
    expect(receiver.takeVerified()).toHaveLength(2);
    expect(receiver.complete).toBe(true);
    receiver.checkSources(1200, nobodySuspected);
    expect(receiver.plan(1200, FAR)).toEqual([{ kind: 'cancel', pathId: other, blocks: [0, 1] }]);
    expect(receiver.source(other)!.expectedBytes).toBe(0);
  });

  it('counts what each server did', () => {
    const receiver = receiverOf();
    receiver.addSource(primary, true, 0);
    receiver.plan(0, FAR);
    receiver.handleData(primary, 0, CONTENT.subarray(0, 1000), 1);
    receiver.handleData(primary, 500, CONTENT.subarray(500, 1000), 1);
    expect(receiver.progress()).toEqual([
      { pathId: primary, deliveredBytes: 1000n, duplicateBytes: 500n, rejectedBytes: 0n },
    ]);
  });
});
