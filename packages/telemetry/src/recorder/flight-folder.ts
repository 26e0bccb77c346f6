import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkOptions, KwikError, optionRules, type CounterRegistry } from '@kwik/wire';
import { checkBound } from '../bounds.js';
import { counters } from '../telemetry-rules.js';
import { attempt } from '../events/subscriptions.js';
import { FlightRecorder, flightJson, type Flight } from './flight-recorder.js';

export interface FlightFolderOptions {
  /** Made when it is not there. */
  readonly folder: string;
  /** Those of the process: `processDiagnostics().counters` of @kwik/session. */
  readonly counters: CounterRegistry;
  /** Files that are kept, one at the least; the oldest is deleted for a new one. Default: 20. */
  readonly maxFiles?: number;
  /** Told why a file could not be written. */
  readonly onFault?: (error: Error) => void;
}

const { call, checkedLater, filePath, group } = optionRules;
const RULES = group<FlightFolderOptions>({ folder: filePath, counters, maxFiles: checkedLater, onFault: call }, [
  'folder',
  'counters',
]);

const MAX_FILES = 20;
/** What happens in the seconds after a failure belongs to it, and says how it ended. */
const AFTERMATH_MS = 5_000;
/** A disk that hangs is waited for by no more. */
const MAX_WAITING = 2;
/** Of this process and earlier ones; nothing else in the folder is touched. */
const FILE_NAME = /^kwik-flight-[\w.-]+\.json$/u;

/**
 * Writes down the last minute before each failover and each violation, and the seconds after it: every event, and paths four
 * times a second. Files are for their owner alone; there are no more than `maxFiles` of them, and one is written at a time.
 */
export class FlightFolder implements AsyncDisposable {
  readonly #options: FlightFolderOptions;
  readonly #recorder: FlightRecorder;
  #timer: NodeJS.Timeout | undefined;
  #reason: string | undefined;
  #writing: Promise<void> = Promise.resolve();
  #waiting = 0;
  #number = 0;
  #closed = false;

  private constructor(options: FlightFolderOptions) {
    this.#options = options;
    const onDump = ({ reason }: Flight): void => this.#wait(reason);
    this.#recorder = new FlightRecorder({ counters: options.counters, onDump });
  }

  /**
   * Rejects with ERR_KWIK_LOCAL_FILE when the folder cannot be made or read, with ERR_KWIK_INVALID_ARGUMENT for a bound that makes
   * no sense, and other options that are wrong.
   */
  static async open(options: FlightFolderOptions): Promise<FlightFolder> {
    checkOptions(options, { call: 'FlightFolder.open', root: RULES });
    const { folder, maxFiles = MAX_FILES } = options;
    checkBound('maxFiles of flight recordings', maxFiles, 1);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await readdir(folder);
      return new FlightFolder(options);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new KwikError('ERR_KWIK_LOCAL_FILE', `no flight recordings can be written into ${folder}: ${why}`, {
        cause,
      });
    }
  }

  /** Writes what is waited for, and ends. A second call waits for the first. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#write();
      this.#recorder[Symbol.dispose]();
    }
    await this.#writing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Failures within the wait for one are in its file. */
  #wait(reason: string): void {
    if (this.#reason !== undefined || this.#closed) return;
    this.#reason = reason;
    this.#timer = setTimeout(() => this.#write(), AFTERMATH_MS).unref();
  }

  #write(): void {
    clearTimeout(this.#timer);
    const reason = this.#reason;
    if (reason === undefined) return;
    this.#reason = undefined;
    if (this.#waiting >= MAX_WAITING) {
      this.#fault(new Error(`the recording of a ${reason} is lost: earlier ones are not on the disk yet`));
      return;
    }
    const json = flightJson(this.#recorder.flight(reason));
    this.#waiting += 1;
    this.#writing = this.#writing.then(() => this.#store(reason, json));
  }

  /** Never rejects. */
  async #store(reason: string, json: string): Promise<void> {
    const { folder, maxFiles = MAX_FILES } = this.#options;
    const stamp = new Date().toISOString().replace(/[^\dT]/gu, '');
    // Processes of one server may share the folder, and fail at the same time.
    const own = `p${process.pid}-${this.#number++}`;
    const name = `kwik-flight-${stamp}-${own}-${reason.replace(/^kwik:/u, '').replace(/\W+/gu, '-')}.json`;
    try {
      const names = (await readdir(folder)).filter((one) => FILE_NAME.test(one)).sort();
      // Before the new one is written: on a disk that is full there would be one more each time. Others may share the folder.
      for (const old of names.slice(0, Math.max(0, names.length + 1 - maxFiles))) {
        await rm(join(folder, old), { force: true });
      }
      await writeNew(join(folder, name), `${json}\n`);
    } catch (error) {
      this.#fault(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#waiting -= 1;
    }
  }

  #fault(error: Error): void {
    attempt(() => this.#options.onFault?.(error));
  }
}

/** All of it, or no file. */
async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
  } catch (error) {
    await rm(path, { force: true }).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
}
