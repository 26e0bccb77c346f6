import type { KeyObject } from 'node:crypto';
import { checkOptions, KwikError, optionRules, type AuditEvent, type AuditSink, type TimerHandle } from '@kwik/wire';
import { NoteSigner } from '../notes/signed-note.js';
import { removeUnfinished } from '../files/replace-file.js';
import { checkpointFile } from './log-files.js';
import { isWritable, type LogEvent } from './log-lines.js';
import { systemDisk, type LogDisk } from './log-file.js';
import { LogWriter, type FsyncPolicy } from './log-writer.js';
import { resumeLog, type Resumed } from './log-resume.js';

export interface AuditLogOptions {
  /** The file; full ones get `.1`, `.2` … behind, and the last checkpoint `.checkpoint`. */
  readonly path: string;
  /** Ed25519; `auditKey` reads or makes one. */
  readonly key: KeyObject;
  /** Which log it is, for those who verify it: a name without spaces, such as `example.org/kwik/server-1`. */
  readonly origin: string;
  /** When what was written is forced to the disk: with each batch, with each checkpoint (the default), or by the system. */
  readonly fsync?: FsyncPolicy;
  /**
   * When it cannot be written (no space, say): `stop`, the default: `fault` is set, and nobody is let in until it can be;
   * `continue`: work goes on. Either way 10,000 events wait; those beyond are lost, and their number is written later.
   */
  readonly onFailure?: 'stop' | 'continue';
  /** Bytes after which another file begins. Default: 64 MiB. */
  readonly maxFileBytes?: number;
  /** A checkpoint follows so many entries, and each pause of so long, milliseconds. Default: 256, and 10,000. */
  readonly checkpointEntries?: number;
  readonly checkpointMs?: number;
  readonly runtime?: AuditRuntime;
}

/** What a simulation or a test puts in place of the system's. */
export interface AuditRuntime {
  /** Milliseconds since 1970. Default: Date.now. */
  readonly wallClockMs?: () => number;
  readonly schedule?: (delayMs: number, callback: () => void) => TimerHandle;
  readonly disk?: LogDisk;
}

export interface AuditLogStats {
  /** Written since the log began, in all files. */
  readonly entries: number;
  readonly waiting: number;
  /** Lost since this program opened it. */
  readonly lost: number;
  /** The last one signed; for witnesses. */
  readonly checkpoint: string | undefined;
}

const MAX_WAITING = 10_000;
const BATCH = 256;
const RETRY_MS = 1000;
const DEFAULTS = { maxFileBytes: 64 * 1024 * 1024, checkpointEntries: 256, checkpointMs: 10_000 };

const { call, filePath, group, keyObject, objectWith, oneOf, positive, positiveMilliseconds, text } = optionRules;
const RULES = group<AuditLogOptions>(
  {
    path: filePath,
    key: keyObject,
    origin: text,
    fsync: oneOf('always', 'checkpoint', 'never'),
    onFailure: oneOf('stop', 'continue'),
    maxFileBytes: positive,
    checkpointEntries: positive,
    checkpointMs: positiveMilliseconds,
    runtime: group<AuditRuntime>({
      wallClockMs: call,
      schedule: call,
      disk: objectWith('open', 'rename', 'replace', 'syncFolder'),
    }),
  },
  ['path', 'key', 'origin'],
);

interface Waiting {
  readonly event: LogEvent;
  readonly atMs: number;
}

/**
 * An audit log in a file: each entry names the hash of the one before, and signed checkpoints commit to all of them, so that
 * nobody can cut, swap, edit or replace entries unseen. Events are written in the order in which they were recorded, a moment
 * later; `flush` waits for that.
 */
export class AuditLog implements AuditSink {
  readonly #writer: LogWriter;
  readonly #stops: boolean;
  readonly #wallClockMs: () => number;
  readonly #schedule: (delayMs: number, callback: () => void) => TimerHandle;
  readonly #checkpointMs: number;
  readonly #checkpointEntries: number;
  #waiting: Waiting[] = [];
  #lost = 0;
  /** Not written down yet. */
  #lostUnsaid = 0;
  #failure: KwikError | undefined;
  #running: Promise<void> | undefined;
  #timer: TimerHandle | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: AuditLogOptions, writer: LogWriter) {
    const { runtime = {} } = options;
    this.#writer = writer;
    this.#stops = (options.onFailure ?? 'stop') === 'stop';
    this.#wallClockMs = runtime.wallClockMs ?? Date.now;
    this.#schedule = runtime.schedule ?? systemTimer;
    this.#checkpointMs = options.checkpointMs ?? DEFAULTS.checkpointMs;
    this.#checkpointEntries = options.checkpointEntries ?? DEFAULTS.checkpointEntries;
  }

  /**
   * Opens the log, or begins one; the first entry says so where the run before did not close it. Rejects with ERR_KWIK_LOCAL_FILE when it cannot be written, or is not as it was written: then
   * it is left alone. With ERR_KWIK_INVALID_ARGUMENT, before anything is opened, for options that are wrong. A log has one writer
   * at a time.
   */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    checkOptions(options, { call: 'AuditLog.open', root: RULES });
    const signer = new NoteSigner(options.origin, options.key);
    const disk = options.runtime?.disk ?? systemDisk();
    try {
      const resumed = await resumeLog(options.path, signer);
      await removeUnfinished(checkpointFile(options.path));
      const writer = await LogWriter.open(resumed, {
        path: options.path,
        disk,
        fsync: options.fsync ?? 'checkpoint',
        maxFileBytes: options.maxFileBytes ?? DEFAULTS.maxFileBytes,
      });
      const log = new AuditLog(options, writer);
      await writer.append([{ event: openedAfter(resumed), atMs: log.#wallClockMs() }]);
      await writer.checkpoint();
      return log;
    } catch (error) {
      throw localFile(options.path, error);
    }
  }

  get fault(): KwikError | undefined {
    return this.#stops ? this.#failure : undefined;
  }

  /** Why nothing can be written now, whatever the policy says. */
  get failure(): KwikError | undefined {
    return this.#failure;
  }

  /** Never throws: what is no event, and could not be read again in the log, is counted among those lost. */
  record(event: AuditEvent): void {
    if (this.#closing !== undefined) return;
    if (!isWritable(event)) return this.recordLost(1);
    if (this.#waiting.length >= MAX_WAITING) {
      this.#lost++;
      this.#lostUnsaid++;
      return;
    }
    this.#waiting.push({ event, atMs: this.#wallClockMs() });
    // While it fails, a timer tries again; each event would be one more attempt.
    if (this.#failure === undefined) void this.#run();
  }

  /** Counts events that were lost on their way here; the log says how many. */
  recordLost(count: number): void {
    if (this.#closing !== undefined) return;
    this.#lost += count;
    this.#lostUnsaid += count;
    if (this.#failure === undefined) void this.#run();
  }

  stats(): AuditLogStats {
    const { size: entries, checkpointNote: checkpoint } = this.#writer;
    return { entries, waiting: this.#waiting.length, lost: this.#lost, checkpoint };
  }

  /** Resolves when all that was recorded is written; rejects with ERR_KWIK_LOCAL_FILE when it cannot be now. */
  async flush(): Promise<void> {
    while (this.#hasUnwritten || this.#running !== undefined) {
      await this.#run();
      if (this.#failure !== undefined) throw this.#failure;
    }
  }

  /**
   * Writes what waits and the last checkpoint. Rejects as `flush` does; the file is closed all the same. A second call is the
   * first one.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.flush();
      this.#waiting.push({ event: { kind: 'log-closed' }, atMs: this.#wallClockMs() });
      await this.flush();
      await this.#writer.checkpoint();
    } catch (error) {
      throw localFile(this.#writer.path, error);
    } finally {
      this.#timer?.cancel();
      await this.#writer.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #hasUnwritten(): boolean {
    return this.#waiting.length > 0 || this.#lostUnsaid > 0;
  }

  #run(): Promise<void> {
    this.#running ??= this.#write().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    try {
      // What is recorded in one turn is written together.
      await Promise.resolve();
      while (this.#hasUnwritten) {
        const batch = this.#nextBatch();
        await this.#writer.append(batch.lines);
        this.#waiting = this.#waiting.slice(batch.taken);
        this.#lostUnsaid -= batch.lost;
        if (this.#writer.unsigned >= this.#checkpointEntries) await this.#writer.checkpoint();
      }
      this.#failure = undefined;
      this.#armCheckpoint();
    } catch (error) {
      this.#failure = localFile(this.#writer.path, error);
      this.#arm(RETRY_MS, () => void this.#run());
    }
  }

  #nextBatch(): { readonly lines: readonly Waiting[]; readonly taken: number; readonly lost: number } {
    const lines = this.#waiting.slice(0, BATCH);
    const taken = lines.length;
    const lost = this.#lostUnsaid;
    // They would stand behind all that waits.
    if (lost === 0 || taken < this.#waiting.length) return { lines, taken, lost: 0 };
    const event: LogEvent = { kind: 'entries-lost', facts: { count: lost } };
    return { lines: [...lines, { event, atMs: this.#wallClockMs() }], taken, lost };
  }

  #armCheckpoint(): void {
    if (this.#writer.unsigned === 0 || this.#closing !== undefined) return;
    this.#arm(this.#checkpointMs, () => void this.#checkpointNow());
  }

  async #checkpointNow(): Promise<void> {
    if (this.#closing !== undefined) return;
    await this.#run();
    if (this.#failure !== undefined) return;
    this.#running ??= this.#writer
      .checkpoint()
      .then(() => this.#timer?.cancel())
      .catch((error: unknown) => {
        this.#failure = localFile(this.#writer.path, error);
        this.#arm(RETRY_MS, () => void this.#run());
      })
      .finally(() => {
        this.#running = undefined;
        if (this.#hasUnwritten && this.#failure === undefined) void this.#run();
      });
  }

  #arm(delayMs: number, action: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#closing !== undefined ? undefined : this.#schedule(delayMs, action);
  }
}

/** Says what of the run before is not in the log. */
function openedAfter({ tornBytes, unclosedAt }: Resumed): LogEvent {
  const details = [
    ...(unclosedAt === undefined ? [] : ['the run before did not close the log: ends of its sessions may be missing']),
    ...(tornBytes === 0 ? [] : [`${tornBytes} bytes of a broken line were cut off`]),
  ];
  return {
    kind: 'log-opened',
    ...(details.length > 0 && { detail: details.join('; ') }),
    ...(unclosedAt !== undefined && { facts: { unclosedAt } }),
  };
}

function systemTimer(delayMs: number, callback: () => void): TimerHandle {
  const timer = setTimeout(callback, delayMs).unref();
  return { cancel: () => clearTimeout(timer) };
}

function localFile(path: string, error: unknown): KwikError {
  if (error instanceof KwikError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new KwikError('ERR_KWIK_LOCAL_FILE', `cannot write the audit log ${path}: ${reason}`, { cause: error });
}
