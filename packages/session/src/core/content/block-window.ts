/** Holes in front are dropped when they are this many, and more than half. */
const MIN_HOLES = 64;

/**
 * Values of block numbers that lie near each other and move on together. A Map would do, but one whose entries come and
 * go makes a new table again and again, and V8 keeps what old tables still show for long: of blocks, megabytes.
 */
export class BlockWindow<T> {
  #items: (T | undefined)[] = [];
  /** The block of the first item. */
  #start = 0;
  /** Items in front of this one are undefined. */
  #first = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(block: number): T | undefined {
    return this.#items[block - this.#start];
  }

  has(block: number): boolean {
    return this.get(block) !== undefined;
  }

  set(block: number, value: T): void {
    if (this.#size === 0) {
      this.#items.length = 0;
      this.#first = 0;
      this.#start = block;
    } else if (block < this.#start) {
      this.#items = new Array<T | undefined>(this.#start - block).fill(undefined).concat(this.#items);
      this.#start = block;
    }
    const index = block - this.#start;
    while (this.#items.length < index) this.#items.push(undefined);
    if (this.#items[index] === undefined) this.#size += 1;
    this.#items[index] = value;
    this.#first = Math.min(this.#first, index);
  }

  delete(block: number): boolean {
    const index = block - this.#start;
    if (this.#items[index] === undefined) return false;
    this.#items[index] = undefined;
    this.#size -= 1;
    this.#dropHoles();
    return true;
  }

  /** By block number. */
  *values(): Generator<T> {
    for (let index = this.#first; index < this.#items.length; index++) {
      const item = this.#items[index];
      if (item !== undefined) yield item;
    }
  }

  #dropHoles(): void {
    while (this.#first < this.#items.length && this.#items[this.#first] === undefined) this.#first += 1;
    if (this.#first < MIN_HOLES || 2 * this.#first < this.#items.length) return;
    this.#items.splice(0, this.#first);
    this.#start += this.#first;
    this.#first = 0;
  }
}
