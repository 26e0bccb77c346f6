import { KwikError } from '@kwik/wire';
import { ownAccount, type MemoryAccount } from '../costs/memory-ledger.js';

/** Read from the source at once at the most; large enough to amortise a file read, small enough to be fair. */
const READ_BYTES = 256 * 1024;
/** Read ahead of what the path has taken, bytes: a few round trips of a fast path. */
const READ_AHEAD_BYTES = 1024 * 1024;
/** Bounds on what one client may have asked for and not yet got. */
const MAX_RANGES = 4096;

export interface SupplyRead {
  readonly offset: number;
  readonly length: number;
}

export interface SuppliedPiece {
  /** Offset in the stream. */
  readonly offset: number;
  readonly data: Uint8Array;
}

interface Range {
  readonly id: bigint;
  readonly start: number;
  /** Offset in the content of the next byte to read, and to send. */
  readNext: number;
  sendNext: number;
  readonly end: number;
  readonly chunks: Uint8Array[];
}

/**
 * A server's side of a multi-source stream: ranges that the client asked for, read ahead of the path. The lowest offset
 * goes first, whenever it was asked for: it is what the reader waits for. It reads nothing itself: `nextRead` says what
 * to read, `supply` takes the bytes.
 */
export class RangeSupply {
  readonly baseOffset: number;
  readonly size: number;
  readonly #ranges: Range[] = [];
  /** How many ranges bear an id; honest clients give each its own. */
  readonly #ids = new Map<bigint, number>();
  readonly #account: MemoryAccount;
  #bufferedBytes = 0;
  #reading: { readonly range: Range; readonly length: number } | undefined;

  /** @param options.account of the session: what is read ahead is charged to it, and kept within its share */
  constructor(options: { baseOffset: number; size: number; account?: MemoryAccount }) {
    this.baseOffset = options.baseOffset;
    this.size = options.size;
    this.#account = options.account ?? ownAccount();
  }

  get hasData(): boolean {
    const first = this.#ranges[0];
    return first !== undefined && first.chunks.length > 0;
  }

  /** Read, and not sent yet. */
  get readyBytes(): number {
    return this.#bufferedBytes;
  }

  get outstandingRanges(): number {
    return this.#ranges.length;
  }

  request(id: bigint, offset: number, length: number): void {
    if (length <= 0 || offset < 0 || offset + length > this.size) {
      throw new KwikError(
        'ERR_KWIK_INVALID_MESSAGE',
        `range ${offset}+${length} is not inside content of ${this.size} bytes`,
      );
    }
    if (this.#ranges.length >= MAX_RANGES) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `more than ${MAX_RANGES} ranges outstanding`, { scope: 'peer' });
    }
    const range = { id, start: offset, readNext: offset, sendNext: offset, end: offset + length, chunks: [] };
    let index = this.#ranges.length;
    // A range whose sending has begun is finished first.
    while (index > 0 && this.#ranges[index - 1]!.sendNext > offset && !this.#started(index - 1)) index--;
    this.#ranges.splice(index, 0, range);
    this.#ids.set(id, (this.#ids.get(id) ?? 0) + 1);
  }

  /** Whether any of them was here. */
  cancel(ids: readonly bigint[]): boolean {
    // The ranges are looked through only for what is there: a message of a few bytes that names nothing costs nothing.
    const gone = new Set(ids.filter((id) => this.#ids.has(id)));
    if (gone.size === 0) return false;
    for (let index = this.#ranges.length - 1; index >= 0; index--) {
      const range = this.#ranges[index]!;
      if (gone.has(range.id)) this.#drop(index);
    }
    return true;
  }

  /** Nothing more will be sent. */
  clear(): void {
    while (this.#ranges.length > 0) this.#drop(this.#ranges.length - 1);
  }

  /** What to read next, or undefined while a read is under way or enough is buffered. One read at a time. */
  nextRead(): SupplyRead | undefined {
    if (this.#reading !== undefined) return undefined;
    const index = this.#ranges.findIndex((candidate) => candidate.readNext < candidate.end);
    const range = this.#ranges[index];
    if (range === undefined) return undefined;
    // What goes out next is read whatever is buffered behind it: a range below all that is buffered may have come since.
    const isNeededNow = index === 0 && range.chunks.length === 0;
    if (this.#bufferedBytes >= READ_AHEAD_BYTES && !isNeededNow) return undefined;
    const wanted = Math.min(READ_BYTES, range.end - range.readNext);
    const urgent = isNeededNow ? this.#account.reading.urgentRoom : 0;
    const length = Math.min(wanted, Math.max(this.#account.reading.roomFor(wanted), urgent));
    if (length === 0) return undefined;
    this.#reading = { range, length };
    this.#account.reading.change(length);
    return { offset: range.readNext, length };
  }

  /** It would read more, and waits for the session's share of what may be read ahead. */
  get waitsForRoom(): boolean {
    if (this.#reading !== undefined || this.#bufferedBytes >= READ_AHEAD_BYTES) return false;
    return this.#ranges.some((range) => range.readNext < range.end);
  }

  /** The read that `nextRead` named last failed. */
  failed(): void {
    this.#account.reading.change(-(this.#reading?.length ?? 0));
    this.#reading = undefined;
  }

  /** The bytes of the read that `nextRead` named last. */
  supply(data: Uint8Array): void {
    const reading = this.#reading;
    this.failed();
    if (reading === undefined || !this.#ranges.includes(reading.range) || data.length === 0) return;
    if (reading.range.readNext + data.length > reading.range.end) {
      throw new KwikError(
        'ERR_KWIK_INTERNAL',
        `${data.length} bytes read at ${reading.range.readNext}, more than asked`,
      );
    }
    reading.range.chunks.push(data);
    reading.range.readNext += data.length;
    this.#buffer(data.length);
  }

  /** The next bytes to send, at most `maxBytes`. */
  take(maxBytes: number): SuppliedPiece | undefined {
    const range = this.#ranges[0];
    const chunk = range?.chunks[0];
    if (range === undefined || chunk === undefined) return undefined;
    const data = chunk.length > maxBytes ? chunk.subarray(0, maxBytes) : chunk;
    if (data.length === chunk.length) range.chunks.shift();
    else range.chunks[0] = chunk.subarray(maxBytes);
    const offset = this.baseOffset + range.sendNext;
    range.sendNext += data.length;
    this.#buffer(-data.length);
    if (range.sendNext === range.end) {
      this.#ranges.shift();
      this.#forget(range.id);
    }
    return { offset, data };
  }

  #started(index: number): boolean {
    const range = this.#ranges[index]!;
    return index === 0 && range.chunks.length > 0 && range.sendNext > range.start;
  }

  #drop(index: number): void {
    const [range] = this.#ranges.splice(index, 1);
    if (range === undefined) return;
    this.#buffer(-range.chunks.reduce((bytes, chunk) => bytes + chunk.length, 0));
    this.#forget(range.id);
  }

  #buffer(bytes: number): void {
    this.#bufferedBytes += bytes;
    this.#account.reading.change(bytes);
  }

  #forget(id: bigint): void {
    const others = (this.#ids.get(id) ?? 0) - 1;
    if (others > 0) this.#ids.set(id, others);
    else this.#ids.delete(id);
  }
}
