import { KwikError } from '@kwik/wire';
import { CompactRange } from '../merkle/compact-range.js';
import { leafHash, sameHash, type Hash } from '../merkle/hashes.js';
import { parseCheckpoint, type SignedCheckpoint } from '../notes/checkpoint.js';
import { parseNoteKey, type NoteKey } from '../notes/note-key.js';
import { signedBy } from '../notes/signed-note.js';
import { firstPrev } from './log-chain.js';
import { parseLine, type LogEntry, type LogHeader } from './log-lines.js';

/** What is wrong at a line. */
export interface AuditFault {
  readonly file: string;
  /** From 1; 0: the file as a whole. */
  readonly line: number;
  readonly text: string;
}

/** Further ones say no more. */
const MAX_FAULTS = 100;

/** Follows a log line by line, and says what does not fit. Each line is judged with what the ones before it committed to. */
export class LogVerifier {
  readonly faults: AuditFault[] = [];
  #key: NoteKey | undefined;
  #range = CompactRange.empty();
  #prev: Hash = firstPrev();
  /** Entries before the first file that was read. */
  from: number | undefined;
  /** Entries that a valid checkpoint covers. */
  signed = 0;
  /** The last valid one, as text. */
  checkpoint: string | undefined;
  #headers = 0;
  #file = '';
  #line = 0;
  /** From elsewhere, and not reached yet: the log must contain them. */
  #kept: SignedCheckpoint[];

  /** `key`: who must have signed; without it the key that the log names is taken. */
  constructor(key: NoteKey | undefined, kept: readonly SignedCheckpoint[] = []) {
    this.#key = key;
    this.#kept = [...kept];
  }

  get key(): NoteKey | undefined {
    return this.#key;
  }

  /** Entries up to here. */
  get size(): number {
    return this.#range.size;
  }

  /** The tree and the last hash, for a writer that goes on here. */
  get end(): { readonly range: CompactRange; readonly prev: Hash } {
    return { range: this.#range.clone(), prev: this.#prev };
  }

  /** Of the last entry. */
  get lastHash(): Hash {
    return this.#prev;
  }

  beginFile(file: string): void {
    this.#file = file;
    this.#line = 0;
  }

  /** The entry that the line holds, if it is one. */
  take(bytes: Buffer): LogEntry | undefined {
    this.#line++;
    const line = parseLine(bytes.toString('utf8'));
    if (this.#line === 1 && line.type !== 'header')
      this.#fault('the file does not begin with the header of an audit log');
    switch (line.type) {
      case 'header':
        this.#header(line.header);
        return undefined;
      case 'checkpoint':
        this.#checkpointNote(line.note);
        return undefined;
      case 'entry':
        this.#entry(line.entry, bytes);
        return line.entry;
      case 'unreadable':
        this.#fault('no entry of an audit log');
        return undefined;
    }
  }

  /** After the last line. */
  finish(): void {
    for (const { size } of this.#kept) {
      if (size > this.size)
        this.#fault(`it ends after ${this.size} entries, and a checkpoint is there of ${size}: truncated`);
    }
  }

  #header(header: LogHeader): void {
    if (this.#line !== 1) {
      this.#fault('a header in the middle of a file');
      return;
    }
    this.#headers++;
    this.#takeKey(header);
    const prev = Buffer.from(header.prev, 'base64');
    if (this.#headers === 1) {
      this.#beginAt(header, prev);
      return;
    }
    const follows = header.size === this.size && sameHash(prev, this.#prev);
    if (follows) return;
    this.#fault(
      `it does not go on where the file before ends (entry ${this.size}): a file is missing, or was replaced`,
    );
    this.#beginAt(header, prev);
  }

  /** The edge is believed only as far as the checkpoint beside it proves it. */
  #beginAt(header: LogHeader, prev: Hash): void {
    this.from ??= header.size;
    this.#prev = prev;
    try {
      const edge = header.edge.map((hash) => Buffer.from(hash, 'base64'));
      this.#range = CompactRange.from(header.size, edge);
    } catch (error) {
      this.#fault(KwikError.from(error).message);
      this.#range = CompactRange.empty();
      return;
    }
    if (header.size === 0) return;
    if (header.checkpoint === null) this.#fault('a file that goes on another has no checkpoint of it');
    else this.#checkpointNote(header.checkpoint);
  }

  #takeKey({ key, origin }: LogHeader): void {
    try {
      const named = parseNoteKey(key);
      this.#key ??= named;
      if (named.text !== this.#key.text) this.#fault(`it names the key ${named.text}, not ${this.#key.text}`);
      if (named.name !== origin) this.#fault('origin and key have different names');
    } catch (error) {
      this.#fault(KwikError.from(error).message);
    }
  }

  #entry(entry: LogEntry, bytes: Buffer): void {
    const { size } = this;
    if (entry.n > size) this.#fault(`entry ${entry.n} where ${size} is due: entries were cut out`);
    else if (entry.n < size) this.#fault(`entry ${entry.n} where ${size} is due: entries were swapped or repeated`);
    else if (!sameHash(Buffer.from(entry.prev, 'base64'), this.#prev)) {
      this.#fault(`entry ${entry.n} follows another entry than the one before it: that one was edited or replaced`);
    }
    this.#prev = leafHash(bytes);
    this.#range.append(this.#prev);
    this.#compareKept();
  }

  #checkpointNote(text: string): void {
    let checkpoint: SignedCheckpoint;
    try {
      checkpoint = parseCheckpoint(text);
    } catch (error) {
      this.#fault(KwikError.from(error).message);
      return;
    }
    const key = this.#key;
    const signed = key?.name === checkpoint.origin && signedBy(checkpoint.note, key);
    if (!signed) {
      this.#fault(`the checkpoint of ${checkpoint.size} entries is not signed by the key of this log`);
      return;
    }
    if (checkpoint.size !== this.size) {
      this.#fault(`a checkpoint of ${checkpoint.size} entries stands after ${this.size}`);
    } else if (!sameHash(checkpoint.root, this.#range.root())) {
      this.#fault(
        `the ${this.size} entries are not those that the checkpoint was signed for: one was edited or replaced`,
      );
    } else {
      this.signed = checkpoint.size;
      this.checkpoint = text;
      this.#compareKept();
    }
  }

  #compareKept(): void {
    const due = this.#kept.filter(({ size }) => size === this.size);
    if (due.length === 0) return;
    this.#kept = this.#kept.filter(({ size }) => size !== this.size);
    for (const { size, root, note } of due) {
      if (!sameHash(root, this.#range.root())) {
        this.#fault(`a checkpoint that was kept elsewhere has other ${size} entries: the log was forked`);
      } else if (this.#key !== undefined && signedBy(note, this.#key)) {
        this.signed = size;
      }
    }
  }

  #fault(text: string): void {
    if (this.faults.length < MAX_FAULTS) this.faults.push({ file: this.#file, line: this.#line, text });
  }
}
