/** Puts bytes in order that arrive as pieces in any order, some of them twice. */
export class OrderedPieces {
  readonly #pieces = new Map<number, Buffer>();
  #offset = 0;

  /** What now follows on what was given out before; often empty. */
  push(offset: number, bytes: Buffer): Buffer {
    if (offset + bytes.length > this.#offset) this.#pieces.set(offset, Buffer.from(bytes));
    const ready: Buffer[] = [];
    for (let piece = this.#take(); piece !== undefined; piece = this.#take()) {
      ready.push(piece);
      this.#offset += piece.length;
    }
    return Buffer.concat(ready);
  }

  #take(): Buffer | undefined {
    for (const [offset, piece] of this.#pieces) {
      if (offset > this.#offset) continue;
      this.#pieces.delete(offset);
      if (offset + piece.length > this.#offset) return piece.subarray(this.#offset - offset);
    }
    return undefined;
  }
}
