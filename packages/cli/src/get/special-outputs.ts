import { close, constants, fstat, open, stat, write } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import { errnoOf, fileError } from '../errors.js';
import { pause } from '../abortable.js';
import type { ByteOutput } from './stdout-sink.js';

const openPath = promisify(open);
const closeFd = promisify(close);
const statPath = promisify(stat);
const statFd = promisify(fstat);
const writeFd = promisify(write);

/** How soon a pipe without a reader is looked at again. */
const READER_INTERVAL_MS = 100;

/** A named pipe or a device, opened as it stands. `onWaiting` is told once that nobody reads the pipe yet. */
export function specialFile(path: string, onWaiting: () => void): ByteOutput {
  return new SpecialOutput(path, async (signal) => ({ fd: await openSpecial(path, signal, onWaiting), owned: true }));
}

/** A file, pipe or terminal that the program was given open, as by `3> file` or `>(command)`: from where it stands. */
export function openDescriptor(fd: number, path: string): ByteOutput {
  return new SpecialOutput(path, () => Promise.resolve({ fd, owned: false }));
}

/** Without O_NONBLOCK the opening of a pipe that nobody reads would hold a thread, and with it the end of the process. */
async function openSpecial(path: string, signal: AbortSignal, onWaiting: () => void): Promise<number> {
  if (!(await statPath(path)).isFIFO()) return openPath(path, 'a');
  for (let tries = 0; ; tries += 1) {
    try {
      return await openPath(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (errnoOf(error) !== 'ENXIO') throw error;
    }
    if (tries === 0) onWaiting();
    await pause(READER_INTERVAL_MS, signal);
  }
}

interface Opened {
  readonly fd: number;
  /** Whether it is ours to close. */
  readonly owned: boolean;
}

/** Writes pipes without blocking, and all else through the thread pool. */
class SpecialOutput implements ByteOutput {
  readonly #path: string;
  readonly #open: (signal: AbortSignal) => Promise<Opened>;
  #opened: Opened | undefined;
  #pipe: Socket | undefined;
  #failure: Error | undefined;

  constructor(path: string, openIt: (signal: AbortSignal) => Promise<Opened>) {
    this.#path = path;
    this.#open = openIt;
  }

  async open(signal: AbortSignal): Promise<void> {
    try {
      this.#opened = await this.#open(signal);
      const stats = await statFd(this.#opened.fd);
      if (stats.isFIFO() || stats.isSocket()) this.#pipe = this.#pipeOn(this.#opened.fd);
    } catch (error) {
      throw signal.aborted ? error : this.#explain(error);
    }
  }

  async write(data: Uint8Array): Promise<void> {
    try {
      if (this.#failure !== undefined) throw this.#failure;
      await (this.#pipe === undefined ? this.#writeAll(data) : writeTo(this.#pipe, data));
    } catch (error) {
      throw this.#explain(error);
    }
  }

  async close(): Promise<void> {
    const pipe = this.#pipe;
    if (pipe !== undefined) await new Promise<void>((resolve) => void pipe.once('close', () => resolve()).end());
    else if (this.#opened?.owned === true) await closeFd(this.#opened.fd);
    this.#opened = undefined;
  }

  #pipeOn(fd: number): Socket {
    const pipe = new Socket({ fd, readable: false, writable: true });
    // Each write tells of its own failure; of what happens between two, the next one does.
    pipe.on('error', (error) => (this.#failure = error));
    return pipe;
  }

  async #writeAll(data: Uint8Array): Promise<void> {
    const fd = this.#opened?.fd ?? -1;
    for (let at = 0; at < data.length; ) {
      const { bytesWritten } = await writeFd(fd, data, at, data.length - at, null);
      at += bytesWritten;
    }
  }

  #explain(error: unknown): unknown {
    return fileError('write to', this.#path, error);
  }
}

function writeTo(pipe: Socket, data: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    pipe.write(data, (error) => {
      if (error === null || error === undefined) resolve();
      else reject(error);
    });
  });
}
