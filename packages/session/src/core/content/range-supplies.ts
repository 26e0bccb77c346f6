import type { PathId } from '@kwik/wire';
import { RangeSupply, type SuppliedPiece } from './range-supply.js';

/** Bytes that a path's supply wants to have read. */
export interface PendingRead {
  readonly offset: number;
  readonly length: number;
  /** Takes what was read. */
  supply(data: Uint8Array): void;
}

/** What a server supplies to one stream, apart for each path over which it was asked. */
export class RangeSupplies {
  readonly baseOffset: number;
  readonly size: number;
  readonly #byPath = new Map<PathId, RangeSupply>();

  constructor(options: { baseOffset: number; size: number }) {
    this.baseOffset = options.baseOffset;
    this.size = options.size;
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

  request(path: PathId, id: bigint, offset: number, length: number): void {
    let supply = this.#byPath.get(path);
    if (supply === undefined) {
      supply = new RangeSupply({ baseOffset: this.baseOffset, size: this.size });
      this.#byPath.set(path, supply);
    }
    supply.request(id, offset, length);
  }

  cancel(path: PathId, ids: readonly bigint[]): void {
    this.#byPath.get(path)?.cancel(ids);
  }

  take(path: PathId, maxBytes: number): SuppliedPiece | undefined {
    return this.#byPath.get(path)?.take(maxBytes);
  }

  /** What to read next for any of the paths. */
  nextRead(): PendingRead | undefined {
    for (const supply of this.#byPath.values()) {
      const read = supply.nextRead();
      if (read !== undefined) return { ...read, supply: (data) => supply.supply(data) };
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
