import { KwikError } from '@kwik/wire';
import type { LogChain } from './log-chain.js';
import { checkpointFile, fullFile, fullFiles } from './log-files.js';
import type { LogDisk, LogHandle } from './log-file.js';
import { checkpointLine, type LogEvent } from './log-lines.js';
import type { Resumed } from './log-resume.js';

export type FsyncPolicy = 'always' | 'checkpoint' | 'never';

export interface LogWriterOptions {
  readonly path: string;
  readonly disk: LogDisk;
  readonly fsync: FsyncPolicy;
  readonly maxFileBytes: number;
}

/** Puts entries and checkpoints into the files of a log. A call at a time; each is written whole or not at all. */
export class LogWriter {
  readonly #options: LogWriterOptions;
  #handle: LogHandle;
  #chain: LogChain;
  #length: number;
  /** Entries after the last checkpoint. */
  #unsigned = 0;
  /** A checkpoint stands in the log that the file beside it does not have yet. */
  #unpublished = false;
  /** A write failed half-way, so its beginning may stand there. */
  #torn = false;

  private constructor(options: LogWriterOptions, handle: LogHandle, { chain, length }: Resumed) {
    this.#options = options;
    this.#handle = handle;
    this.#chain = chain;
    this.#length = length;
  }

  static async open(resumed: Resumed, options: LogWriterOptions): Promise<LogWriter> {
    const handle = await options.disk.open(options.path);
    try {
      if (resumed.tornBytes > 0) await handle.truncate(resumed.length);
    } catch (error) {
      await handle.close();
      throw error;
    }
    return new LogWriter(options, handle, resumed);
  }

  get path(): string {
    return this.#options.path;
  }

  get size(): number {
    return this.#chain.size;
  }

  get unsigned(): number {
    return this.#unsigned;
  }

  get checkpointNote(): string | undefined {
    return this.#chain.checkpoint;
  }

  async append(events: readonly { readonly event: LogEvent; readonly atMs: number }[]): Promise<void> {
    if (this.#length >= this.#options.maxFileBytes) await this.#rotate();
    if (this.#length === 0) await this.#begin();
    const chain = this.#chain.fork();
    await this.#write(events.map(({ event, atMs }) => chain.append(event, atMs)));
    this.#chain = chain;
    this.#unsigned += events.length;
    if (this.#options.fsync === 'always') await this.#handle.sync();
  }

  /** Signs what is there, if anything is new, and puts the checkpoint beside the log as well. */
  async checkpoint(): Promise<void> {
    const { fsync, disk, path } = this.#options;
    if (this.#unsigned > 0) {
      const chain = this.#chain.fork();
      await this.#write([checkpointLine(chain.sign())]);
      this.#chain = chain;
      this.#unsigned = 0;
      this.#unpublished = true;
      if (fsync !== 'never') await this.#handle.sync();
    }
    const note = this.#chain.checkpoint;
    if (!this.#unpublished || note === undefined) return;
    await disk.replace(checkpointFile(path), note, fsync !== 'never');
    this.#unpublished = false;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  /** The file is full: it ends with a checkpoint, gets a number, and another begins where it ends. */
  async #rotate(): Promise<void> {
    await this.checkpoint();
    const { disk, path } = this.#options;
    const full = fullFile(path, ((await fullFiles(path)).at(-1) ?? 0) + 1);
    await disk.rename(path, full);
    let next: LogHandle;
    try {
      next = await disk.open(path);
    } catch (error) {
      await disk.rename(full, path);
      throw error;
    }
    await this.#handle.close().catch(() => undefined);
    this.#handle = next;
    this.#length = 0;
    this.#torn = false;
  }

  async #begin(): Promise<void> {
    await this.#write([this.#chain.header()]);
    if (this.#options.fsync !== 'never') await this.#options.disk.syncFolder(this.#options.path);
  }

  async #write(lines: readonly string[]): Promise<void> {
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''), 'utf8');
    if (this.#torn) await this.#mend();
    await this.#requireAlone();
    try {
      await this.#handle.append(bytes);
    } catch (error) {
      this.#torn = true;
      // Else `mend` does it before the next write.
      await this.#mend().catch(() => undefined);
      throw error;
    }
    this.#length += bytes.length;
  }

  async #mend(): Promise<void> {
    await this.#handle.truncate(this.#length);
    this.#torn = false;
  }

  /** Two writers would fork the log. */
  async #requireAlone(): Promise<void> {
    const size = await this.#handle.size();
    if (size === this.#length) return;
    throw new KwikError(
      'ERR_KWIK_LOCAL_FILE',
      `the audit log ${this.path} has ${size} bytes where this program wrote ${this.#length}: another one writes or cuts it`,
    );
  }
}
