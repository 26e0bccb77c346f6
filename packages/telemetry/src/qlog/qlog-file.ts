import { createWriteStream, type WriteStream } from 'node:fs';

/** RFC 7464: what each record begins with, so that a reader finds the next one after a broken one. */
const RECORD_SEPARATOR = '\u001e';
/** What waits for a slow disk; more is left out, and counted. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** So that the last record, which says that the file is full, finds room. */
const RESERVED_BYTES = 512;

export interface QlogRecord {
  readonly time: number;
  readonly name: string;
  /** Not in the header's common fields: those must be the same for every event of a trace. */
  readonly group_id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** One file of JSON text sequences, readable by its owner alone. It takes no more than it may hold, and never throws. */
export class QlogFile {
  readonly #stream: WriteStream;
  readonly #maxBytes: number;
  readonly #closed: Promise<void>;
  #bytes = 0;
  #dropped = 0;
  #ended = false;
  /** What the last records, which nobody adds, are told with. */
  #last: Pick<QlogRecord, 'time' | 'group_id'> = { time: 0, group_id: '' };

  /** `onFault` hears once why the file takes no more, other than that it is full. */
  constructor(path: string, header: object, maxBytes: number, onFault: (error: Error) => void) {
    this.#maxBytes = maxBytes;
    this.#stream = createWriteStream(path, { flags: 'wx', mode: 0o600 });
    let isFaulty = false;
    this.#stream.on('error', (error) => {
      this.#ended = true;
      if (!isFaulty) onFault(error);
      isFaulty = true;
    });
    this.#closed = new Promise((resolve) => this.#stream.once('close', resolve));
    this.#write(textOf(header));
  }

  /** Whether it takes no more: it is full, closed, or the disk refused it. */
  get ended(): boolean {
    return this.#ended;
  }

  add(record: QlogRecord): void {
    if (this.#ended) return;
    this.#last = record;
    if (this.#stream.writableLength > MAX_WAITING_BYTES) {
      this.#dropped += 1;
      return;
    }
    this.#tellDropped();
    this.#addText(textOf(record));
  }

  /** Resolves when everything is on its way to the disk, or lost. */
  async close(): Promise<void> {
    this.#tellDropped();
    this.#end();
    await this.#closed;
  }

  /** Leaves room for the one record that says that the file is full. */
  #addText(text: string): void {
    if (this.#ended) return;
    if (this.#bytes + Buffer.byteLength(text) <= this.#maxBytes - RESERVED_BYTES) {
      this.#write(text);
      return;
    }
    this.#write(textOf({ ...this.#stamp(), name: 'kwik:file_full', data: { bytes: this.#maxBytes } }));
    this.#end();
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const records = this.#dropped;
    this.#dropped = 0;
    this.#addText(textOf({ ...this.#stamp(), name: 'kwik:records_dropped', data: { records } }));
  }

  #stamp(): Pick<QlogRecord, 'time' | 'group_id'> {
    const { time, group_id } = this.#last;
    return { time, group_id };
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stream.end();
  }

  #write(text: string): void {
    this.#bytes += Buffer.byteLength(text);
    this.#stream.write(text);
  }
}

function textOf(record: object): string {
  return `${RECORD_SEPARATOR}${JSON.stringify(record)}\n`;
}
