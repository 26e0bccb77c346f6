import type { PathId } from '@kwik/wire';
import type { MemoryAccount } from '../costs/memory-ledger.js';
import { RangeSupply, type SuppliedPiece } from './range-supply.js';

/** Bytes that a path's supply wants to have read. */
export interface PendingRead {
  readonly offset: number;
  readonly length: number;
  /** Takes what was read. */
  supply(data: Uint8Array): void;
  /** It could not be read. */
  failed(): void;
}

/** What a server supplies to one stream, apart for each path over which it was asked. */
export class RangeSupplies {
  readonly baseOffset: number;
  readonly size: number;
  readonly #account: MemoryAccount | undefined;
  readonly #onTaken: (() => void) | undefined;
  readonly #byPath = new Map<PathId, RangeSupply>();

  /**
   * @param options.account of the session: what is read ahead is charged to it
   * @param options.onTaken a path took some of what was read: there is room to read on
   */
  constructor(options: { baseOffset: number; size: number; account?: MemoryAccount; onTaken?: () => void }) {
    this.baseOffset = options.baseOffset;
    this.size = options.size;
    this.#account = options.account;
    this.#onTaken = options.onTaken;
  }

  get hasData(): boolean {
    for (const supply of this.#byPath.values()) if (supply.hasData) return true;
    return false;
  }

  get readyBytes(): number {
    let bytes = 0;
    for (const supply of this.#byPath.values()) bytes += supply.readyBytes;
    return bytes;
  }

  get waitsForRoom(): boolean {
    for (const supply of this.#byPath.values()) if (supply.waitsForRoom) return true;
    return false;
  }

  request(path: PathId, id: bigint, offset: number, length: number): void {
    let supply = this.#byPath.get(path);
    if (supply === undefined) {
      const account = this.#account;
      supply = new RangeSupply({ baseOffset: this.baseOffset, size: this.size, ...(account && { account }) });
      this.#byPath.set(path, supply);
    }
    supply.request(id, offset, length);
  }

  /** Whether any of them was here. */
  cancel(path: PathId, ids: readonly bigint[]): boolean {
    return this.#byPath.get(path)?.cancel(ids) === true;
  }

  take(path: PathId, maxBytes: number): SuppliedPiece | undefined {
    const piece = this.#byPath.get(path)?.take(maxBytes);
    if (piece !== undefined) this.#onTaken?.();
    return piece;
  }

  /** What to read next for any of the paths; undefined when enough is read, for this content or for the session. */
  nextRead(): PendingRead | undefined {
    for (const supply of this.#byPath.values()) {
      const read = supply.nextRead();
      if (read !== undefined) return { ...read, supply: (data) => supply.supply(data), failed: () => supply.failed() };
    }
    return undefined;
  }

  /** The path is gone: nothing will be sent there. */
  removePath(path: PathId): void {
    this.#byPath.get(path)?.clear();
    this.#byPath.delete(path);
  }

  clear(): void {
    for (const path of [...this.#byPath.keys()]) this.removePath(path);
  }
}
