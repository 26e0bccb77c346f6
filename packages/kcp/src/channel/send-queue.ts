import { LANE_COUNT } from './priorities.js';

/**
 * How often a lane that has something waiting is passed over before its turn comes. Low enough that background traffic
 * moves on a busy channel, high enough that it takes at most 1 in 17 messages from more urgent ones.
 */
export const MAX_PASSED_OVER = 16;

/**
 * Items in lanes of falling urgency. The most urgent lane goes first, first in first out within a lane.
 *
 * Ageing: a lane that was passed over MAX_PASSED_OVER times goes next, for one item; the most urgent of such lanes
 * first. Passed over means: it held something, and another lane's item was taken. So the head of any lane is taken
 * after at most MAX_PASSED_OVER + LANE_COUNT - 1 others, whatever else is queued.
 */
export class SendQueue<T> {
  readonly #lanes: Lane<T>[] = Array.from({ length: LANE_COUNT }, () => ({ items: [], head: 0, passedOver: 0 }));

  /** `lane` from 0 (most urgent) to LANE_COUNT - 1. */
  push(lane: number, item: T): void {
    this.#lane(lane).items.push(item);
  }

  /** The item whose turn it is, taken out. */
  shift(): T | undefined {
    const index = this.#nextLane();
    if (index === undefined) return undefined;
    const lane = this.#lane(index);
    lane.passedOver = 0;
    for (const other of this.#lanes) {
      if (other !== lane && other.head < other.items.length) other.passedOver++;
    }
    return takeHead(lane);
  }

  /** Takes out every item that is `stale`, wherever it stands; nobody's turn changes. */
  dropWhere(stale: (item: T) => boolean, dropped: (item: T) => void): void {
    for (const lane of this.#lanes) {
      const kept: T[] = [];
      for (const item of lane.items.slice(lane.head)) {
        if (stale(item)) dropped(item);
        else kept.push(item);
      }
      lane.items = kept;
      lane.head = 0;
      if (kept.length === 0) lane.passedOver = 0;
    }
  }

  #nextLane(): number | undefined {
    let first: number | undefined;
    // Asked very often, and mostly for nothing: no iterator of pairs.
    for (let index = 0; index < LANE_COUNT; index++) {
      const lane = this.#lane(index);
      if (lane.head === lane.items.length) continue;
      if (lane.passedOver >= MAX_PASSED_OVER) return index;
      first ??= index;
    }
    return first;
  }

  #lane(index: number): Lane<T> {
    return this.#lanes[index] as Lane<T>;
  }
}

interface Lane<T> {
  items: T[];
  /** Items before it are taken; cut off in one go when they are half of the array. */
  head: number;
  passedOver: number;
}

function takeHead<T>(lane: Lane<T>): T | undefined {
  const item = lane.items[lane.head++];
  if (lane.head * 2 >= lane.items.length) {
    lane.items = lane.items.slice(lane.head);
    lane.head = 0;
  }
  return item;
}
