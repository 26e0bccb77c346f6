import { LEVEL_COUNT } from './priorities.js';

/**
 * How often a level that has something waiting is passed over before its turn comes. Low enough that background traffic
 * moves on a busy channel, high enough that it takes at most 1 in 17 messages from more urgent ones.
 */
export const MAX_PASSED_OVER = 16;

/**
 * Items in levels of falling urgency. The most urgent level goes first, first in first out within a level.
 *
 * Ageing: a level that was passed over MAX_PASSED_OVER times goes next, for one item; the most urgent of such levels
 * first. Passed over means: it held something, and another level's item was taken. So the head of any level is taken
 * after at most MAX_PASSED_OVER + LEVEL_COUNT - 1 others, whatever else is queued.
 */
export class SendQueue<T> {
  readonly #levels: Level<T>[] = Array.from({ length: LEVEL_COUNT }, () => ({ items: [], head: 0, passedOver: 0 }));

  /** `level` from 0 (most urgent) to LEVEL_COUNT - 1. */
  push(level: number, item: T): void {
    this.#level(level).items.push(item);
  }

  /** The item whose turn it is, taken out. */
  shift(): T | undefined {
    const index = this.#nextLevel();
    if (index === undefined) return undefined;
    const level = this.#level(index);
    level.passedOver = 0;
    for (const other of this.#levels) {
      if (other !== level && other.head < other.items.length) other.passedOver++;
    }
    return takeHead(level);
  }

  /** Takes out every item that is `stale`, wherever it stands; nobody's turn changes. */
  dropWhere(stale: (item: T) => boolean, dropped: (item: T) => void): void {
    for (const level of this.#levels) {
      const kept: T[] = [];
      for (const item of level.items.slice(level.head)) {
        if (stale(item)) dropped(item);
        else kept.push(item);
      }
      level.items = kept;
      level.head = 0;
      if (kept.length === 0) level.passedOver = 0;
    }
  }

  #nextLevel(): number | undefined {
    let first: number | undefined;
    // Asked very often, and mostly for nothing: no iterator of pairs.
    for (let index = 0; index < LEVEL_COUNT; index++) {
      const level = this.#level(index);
      if (level.head === level.items.length) continue;
      if (level.passedOver >= MAX_PASSED_OVER) return index;
      first ??= index;
    }
    return first;
  }

  #level(index: number): Level<T> {
    return this.#levels[index] as Level<T>;
  }
}

interface Level<T> {
  items: T[];
  /** Items before it are taken; cut off in one go when they are half of the array. */
  head: number;
  passedOver: number;
}

function takeHead<T>(level: Level<T>): T | undefined {
  const item = level.items[level.head++];
  if (level.head * 2 >= level.items.length) {
    level.items = level.items.slice(level.head);
    level.head = 0;
  }
  return item;
}
