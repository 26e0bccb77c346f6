import { describe, expect, it } from '@jest/globals';
import { toPathId } from '@kwik/wire';
import fc from 'fast-check';
import { TestRandom } from '../../test-support/random.js';
import { BlockCopy, BlockLedger } from './block-ledger.js';
import { ContentSource } from './content-source.js';
import { planNext, type Assignment, type PlanInput } from './range-planner.js';

const BLOCK = 16_384;
const NOW = 10_000;

interface SourceShape {
  readonly bytesPerSecond: number;
  readonly rttMs: number;
  readonly suspected?: boolean;
}

class World {
  readonly ledger: BlockLedger;
  readonly sources: ContentSource[];
  windowEndBlock: number;

  constructor(blocks: number, shapes: readonly SourceShape[]) {
    this.ledger = new BlockLedger({ size: blocks * BLOCK, blockBytes: BLOCK });
    this.windowEndBlock = blocks;
    this.sources = shapes.map((shape, index) => sourceOf(index, shape));
  }

  get input(): PlanInput {
    return { ledger: this.ledger, sources: this.sources, windowEndBlock: this.windowEndBlock, now: NOW };
  }

  /** Assignments until there are no more, carried out. */
  plan(): Assignment[] {
    const assignments: Assignment[] = [];
    for (let next = planNext(this.input); next !== undefined; next = planNext(this.input)) {
      assignments.push(next);
      this.ask(next.pathId, next.block);
      if (assignments.length > 10_000) throw new Error('the planner does not come to an end');
    }
    return assignments;
  }

  ask(index: number, block: number): void {
    this.sources[index]!.expect(this.ledger.expect(block, toPathId(index), NOW), NOW);
  }
}

/** A source that has delivered steadily for a second. */
function sourceOf(index: number, shape: SourceShape): ContentSource {
  const source = new ContentSource(toPathId(index), index === 0, NOW);
  source.rttMs = shape.rttMs;
  source.expect(new BlockCopy(0, toPathId(index), Math.ceil(shape.bytesPerSecond), NOW - 1000), NOW - 1000);
  for (let ms = 999; ms >= 0; ms -= 5) source.handleData(shape.bytesPerSecond / 200, NOW - ms);
  source.suspected = shape.suspected ?? false;
  for (const copy of source.expected.values()) {
    copy.received.add(0, copy.length);
    source.release(copy, NOW);
  }
  return source;
}

const shapes = fc.array(
  fc.record({
    bytesPerSecond: fc.integer({ min: 20_000, max: 10_000_000 }),
    rttMs: fc.integer({ min: 1, max: 300 }),
    suspected: fc.boolean(),
  }),
  { minLength: 1, maxLength: 6 },
);

describe('planNext', () => {
  it('leaves no block to nobody: of equal sources that are all idle, one takes the last', () => {
    for (const count of [1, 2, 3, 5]) {
      const world = new World(
        1,
        Array.from({ length: count }, () => ({ bytesPerSecond: 1_250_000, rttMs: 20 })),
      );
      expect(world.plan()[0]).toMatchObject({ block: 0, duplicate: false });
    }
  });

  it('comes to an end; asks nothing of a suspected source, twice of one source, beyond the window, or of what is done', () => {
    fc.assert(
      fc.property(fc.integer(), shapes, fc.integer({ min: 1, max: 300 }), (seed, sources, blocks) => {
        const random = new TestRandom(seed);
        const world = new World(blocks, sources);
        world.windowEndBlock = random.between(0, blocks);
        for (let block = 0; block < blocks; block++) if (random.below(4) === 0) world.ledger.verify(block);
        const seen = new Set<string>();
        for (const { pathId, block } of world.plan()) {
          expect(world.sources[pathId]!.suspected).toBe(false);
          expect(block).toBeLessThan(world.windowEndBlock);
          expect(world.ledger.isVerified(block)).toBe(false);
          expect(seen.has(`${pathId} ${block}`)).toBe(false);
          seen.add(`${pathId} ${block}`);
        }
      }),
    );
  });

  it('keeps every source supplied for three round trips and 50 ms, and not for much longer', () => {
    fc.assert(
      fc.property(shapes, (sources) => {
        const world = new World(20_000, sources);
        world.plan();
        for (const [index, source] of world.sources.entries()) {
          const { bytesPerSecond, rttMs, suspected } = sources[index]!;
          if (suspected) continue;
          const wanted = (bytesPerSecond * (3 * rttMs + 50)) / 1000;
          expect(source.expectedBytes).toBeGreaterThan(0.8 * wanted);
          expect(source.expectedBytes).toBeLessThan(1.3 * wanted + 3 * BLOCK);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('asks at once for the blocks that the reader needs next and a silent source owed, of the nearest, however busy', () => {
    const world = new World(400, [
      { bytesPerSecond: 1_000_000, rttMs: 40 },
      { bytesPerSecond: 1_000_000, rttMs: 100 },
      { bytesPerSecond: 1_000_000, rttMs: 40 },
    ]);
    const owed = world.plan().filter(({ pathId }) => pathId === 2);
    expect(owed[0]!.block).toBeLessThan(4);
    world.sources[2]!.suspected = true;
    const next = world.plan();
    const near = owed.map(({ block }) => block).filter((block) => block < 4);
    expect(next.slice(0, near.length)).toEqual(near.map((block) => ({ pathId: 0, block, duplicate: true })));
    // The others are left until somebody has time.
    expect(next.length).toBeLessThan(owed.length);
  });

  it('gives a source that is far away the blocks at which the others will have arrived by then', () => {
    const world = new World(1000, [
      { bytesPerSecond: 2_000_000, rttMs: 10 },
      { bytesPerSecond: 2_000_000, rttMs: 200 },
    ]);
    const plan = world.plan();
    const far = plan.filter(({ pathId }) => pathId === 1).map(({ block }) => block);
    expect(plan.find(({ pathId }) => pathId === 0)?.block).toBe(0);
    // 190 ms at 2 MB/s are 23 blocks.
    expect(Math.min(...far)).toBeGreaterThan(15);
    expect(Math.min(...far)).toBeLessThan(35);
  });

  it('gives a slow source nothing that would make the end later', () => {
    const world = new World(4, [
      { bytesPerSecond: 5_000_000, rttMs: 10 },
      { bytesPerSecond: 50_000, rttMs: 100 },
    ]);
    expect(new Set(world.plan().map(({ pathId }) => pathId))).toEqual(new Set([0]));
  });

  it('asks for a late block a second time, of a source that brings it much earlier, and not a third time', () => {
    const world = new World(1, [
      { bytesPerSecond: 5_000_000, rttMs: 10 },
      { bytesPerSecond: 5_000_000, rttMs: 10 },
      { bytesPerSecond: 20_000, rttMs: 100 },
    ]);
    world.ask(2, 0);
    expect(world.plan()).toEqual([{ pathId: 0, block: 0, duplicate: true }]);
  });

  it('asks a fast source for the block that a slow one holds the reader up with, though it has others to ask for', () => {
    const slow = { bytesPerSecond: 20_000, rttMs: 200 };
    const held = (other: SourceShape, ageMs = 0, here = [1, 2]): Assignment | undefined => {
      const world = new World(1000, [{ bytesPerSecond: 2_000_000, rttMs: 20 }, other]);
      world.sources[1]!.expect(world.ledger.expect(0, toPathId(1), NOW - ageMs), NOW - ageMs);
      for (const block of here) {
        world.ledger.expect(block, toPathId(0), NOW);
        world.ledger.verify(block);
      }
      return planNext(world.input);
    };
    expect(held(slow)).toEqual({ pathId: 0, block: 0, duplicate: true });
    // It may hold several in a row; one that is here is not worth the while.
    expect(held(slow, 0, [5, 6])).toEqual({ pathId: 0, block: 0, duplicate: true });
    expect(held(slow, 0, [1])).toMatchObject({ duplicate: false });
    const fair = { bytesPerSecond: 500_000, rttMs: 40 };
    expect(held(fair)).toMatchObject({ duplicate: false });
    // Whatever its rate was: nothing has come of this block for long.
    expect(held(fair, 500)).toEqual({ pathId: 0, block: 0, duplicate: true });
  });

  it('asks nobody twice for what comes soon enough', () => {
    const world = new World(4, [
      { bytesPerSecond: 1_000_000, rttMs: 20 },
      { bytesPerSecond: 900_000, rttMs: 20 },
    ]);
    for (let block = 0; block < 4; block++) world.ask(block % 2, block);
    expect(world.plan()).toEqual([]);
  });

  it('takes blocks back from a suspected source, lowest first', () => {
    const world = new World(4, [
      { bytesPerSecond: 1_000_000, rttMs: 20 },
      { bytesPerSecond: 1_000_000, rttMs: 20, suspected: true },
    ]);
    for (let block = 0; block < 4; block++) world.ask(1, block);
    expect(world.plan()).toEqual([0, 1, 2, 3].map((block) => ({ pathId: 0, block, duplicate: true })));
  });

  it('starts a source of which nothing is known with 128 kB, or a sixteenth of small content, but two blocks', () => {
    const first = (blocks: number): number[] => {
      const world = new World(blocks, []);
      world.sources.push(new ContentSource(toPathId(0), true, NOW));
      return world.plan().map(({ block }) => block);
    };
    expect(first(10_000)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(first(64)).toEqual([0, 1, 2, 3]);
    expect(first(20)).toEqual([0, 1]);
  });

  it('bounds the copies under way', () => {
    const world = new World(1000, [
      { bytesPerSecond: 10_000_000, rttMs: 100 },
      { bytesPerSecond: 20_000, rttMs: 10 },
    ]);
    for (let block = 0; block < 1000; block++) world.ask(1, block);
    const copies = world.plan().length;
    expect(copies).toBeGreaterThan(50);
    expect(copies).toBeLessThanOrEqual(101);
  });
});

describe('ContentSource', () => {
  it('does not take a source that has stopped delivering for a fast one', () => {
    const source = sourceOf(0, { bytesPerSecond: 100_000, rttMs: 20 });
    const copy = new BlockLedger({ size: 1e6, blockBytes: BLOCK }).expect(0, toPathId(0), NOW);
    source.expect(copy, NOW);
    const rate = source.rateBytesPerSecond(NOW);
    expect(rate).toBeGreaterThan(80_000);
    expect(rate).toBeLessThan(130_000);
    let before = rate;
    for (let ms = 50; ms < 5000; ms += 50) {
      const now = source.rateBytesPerSecond(NOW + ms);
      expect(now).toBeLessThanOrEqual(before);
      expect(now).toBeGreaterThan(0);
      before = now;
    }
    expect(before).toBeLessThan(5_000);
  });

  it('counts what it owes, whatever happens to the copies', () => {
    const ledger = new BlockLedger({ size: 1e6, blockBytes: BLOCK });
    const source = new ContentSource(toPathId(0), true, 0);
    const copies = [0, 1, 2].map((block) => ledger.expect(block, toPathId(0), 0));
    for (const copy of copies) source.expect(copy, 0);
    copies[0]!.received.add(0, 100);
    source.handleData(100, 1);
    expect(source.expectedBytes).toBe(3 * BLOCK - 100);
    source.release(copies[0]!, 2);
    source.release(copies[0]!, 2);
    expect(source.expectedBytes).toBe(2 * BLOCK);
    source.release(copies[1]!, 2);
    source.release(copies[2]!, 2);
    expect(source.expectedBytes).toBe(0);
    expect(source.expected.size).toBe(0);
  });

  it('notices what was passed over: asked for before, lower, and not sent', () => {
    const ledger = new BlockLedger({ size: 1e6, blockBytes: BLOCK });
    const source = new ContentSource(toPathId(0), true, 0);
    const early = ledger.expect(0, toPathId(0), 0);
    const late = ledger.expect(1, toPathId(0), 5);
    const later = ledger.expect(2, toPathId(0), 5);
    for (const copy of [early, late, later]) source.expect(copy, 5);
    source.complete(later, 10);
    expect(source.overdue(1000, 100)).toEqual([early]);
    expect(source.overdue(100, 100)).toEqual([]);
    expect(source.expectedInOrder()).toEqual([early, late]);
  });
});
