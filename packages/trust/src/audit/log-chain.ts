import { CompactRange } from '../merkle/compact-range.js';
import { HASH_BYTES, leafHash, type Hash } from '../merkle/hashes.js';
import { checkpointText } from '../notes/checkpoint.js';
import type { NoteSigner } from '../notes/signed-note.js';
import { entryLine, headerLine, LOG_FORMAT, type LogEvent } from './log-lines.js';

/** Before the first entry. */
export function firstPrev(): Hash {
  return new Uint8Array(HASH_BYTES);
}

/** Where a log stands: what the next entry names, and what a checkpoint commits to. */
export class LogChain {
  readonly #signer: NoteSigner;
  readonly #range: CompactRange;
  #prev: Hash;
  /** The last one that was signed. */
  #checkpoint: string | undefined;

  constructor(signer: NoteSigner, range = CompactRange.empty(), prev = firstPrev(), checkpoint?: string) {
    this.#signer = signer;
    this.#range = range;
    this.#prev = prev;
    this.#checkpoint = checkpoint;
  }

  /** Entries. */
  get size(): number {
    return this.#range.size;
  }

  get checkpoint(): string | undefined {
    return this.#checkpoint;
  }

  /** Goes on from the same place, apart. */
  fork(): LogChain {
    return new LogChain(this.#signer, this.#range.clone(), this.#prev, this.#checkpoint);
  }

  /** The line of the next entry, without its newline. */
  append(event: LogEvent, atMs: number): string {
    const line = entryLine(this.#range.size, atMs, event, this.#prev);
    this.#prev = leafHash(Buffer.from(line, 'utf8'));
    this.#range.append(this.#prev);
    return line;
  }

  /** Signs all entries so far. */
  sign(): string {
    const { name } = this.#signer.key;
    this.#checkpoint = this.#signer.sign(
      checkpointText({ origin: name, size: this.#range.size, root: this.#range.root() }),
    );
    return this.#checkpoint;
  }

  /** The first line of a file that begins here. */
  header(): string {
    return headerLine({
      log: LOG_FORMAT,
      origin: this.#signer.key.name,
      key: this.#signer.key.text,
      size: this.#range.size,
      prev: Buffer.from(this.#prev).toString('base64'),
      edge: this.#range.edge.map((hash) => Buffer.from(hash).toString('base64')),
      checkpoint: this.#checkpoint ?? null,
    });
  }
}
