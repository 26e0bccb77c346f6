import { mkdir, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
  checkOptions,
  KwikError,
  optionRules,
  type CounterRegistry,
  type CounterSource,
  type OfSession,
  type SessionReading,
  type SessionSource,
} from '@kwik/wire';
import { checkBound } from '../bounds.js';
import { counters } from '../telemetry-rules.js';
import { attempt, listen, type Listeners } from '../events/subscriptions.js';
import { changesOf, CONVERSIONS, EVENT_SCHEMAS, type QlogEvent } from './qlog-events.js';
import { QlogFile } from './qlog-file.js';

export interface QlogOptions {
  /** Made when it is not there. */
  readonly folder: string;
  /** Those of the process: `processDiagnostics().counters` of @kwik/session. */
  readonly counters: CounterRegistry;
  /**
   * Files that are kept; the oldest is deleted for a new one. Processes may share the folder: each deletes its own, and those of
   * processes that are gone. Default: 200.
   */
  readonly maxFiles?: number;
  /** Of one file, 4 KiB at the least. Default: 16 MiB. */
  readonly maxFileBytes?: number;
  /** Told why a file could not be written, at most once for each. */
  readonly onFault?: (error: Error) => void;
}

const { call, checkedLater, filePath, group } = optionRules;
const RULES = group<QlogOptions>(
  { folder: filePath, counters, maxFiles: checkedLater, maxFileBytes: checkedLater, onFault: call },
  ['folder', 'counters'],
);

const MAX_FILES = 200;
const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** For its header, and the record that says that it is full. */
const LEAST_FILE_BYTES = 4 * 1024;
/** Sessions that are written down at once; a server of thousands has the first of them. */
const MAX_OPEN = 64;
const SAMPLE_MS = 250;
/** Of this process, of others and of earlier ones; nothing else in the folder is touched. */
const FILE_NAME = /^kwik-\d{8}T\d+-[\w.-]+\.sqlog$/u;
const WRITER = /^kwik-[\dT]+-p(\d{1,10})-/u;

interface OpenSession {
  readonly file: QlogFile;
  readonly name: string;
  readonly sessionId: string;
  readonly openedAtMs: number;
  before: SessionReading | undefined;
  lastMs: number;
}

/**
 * Writes a qlog of each session of the process (draft-ietf-quic-qlog-main-schema), from now until it is closed: what
 * happens, as it happens, and four times a second what has changed on its paths. A session has a file when there was room
 * for one as it opened, or as this was opened.
 */
export class QlogFolder implements AsyncDisposable {
  readonly #options: QlogOptions;
  readonly #open = new Map<string, OpenSession>();
  /** Sources are read for their sessions' names once, and then only while a file of theirs is open. */
  readonly #keys = new WeakMap<SessionSource, string>();
  /** Files that are written, or not closed yet. */
  readonly #busy = new Set<string>();
  readonly #closing = new Set<Promise<void>>();
  /** How often old files are to be looked for yet, the look that is under way among them; two are enough. */
  #looks = 0;
  readonly #timer: NodeJS.Timeout;
  #soon: NodeJS.Immediate | undefined;
  readonly #end: () => void;
  #ended = false;

  private constructor(options: QlogOptions) {
    this.#options = options;
    const listeners = Object.keys(CONVERSIONS).map((name) => [
      name,
      (event: OfSession) => this.#hear(name as keyof typeof CONVERSIONS, event),
    ]);
    this.#end = listen(Object.fromEntries(listeners) as Listeners);
    this.#timer = setInterval(() => this.sample(), SAMPLE_MS).unref();
    this.sample();
  }

  /**
   * Rejects with ERR_KWIK_LOCAL_FILE when the folder cannot be made or read, with ERR_KWIK_INVALID_ARGUMENT for bounds that
   * make no sense, and other options that are wrong.
   */
  static async open(options: QlogOptions): Promise<QlogFolder> {
    checkOptions(options, { call: 'QlogFolder.open', root: RULES });
    const { folder, maxFiles = MAX_FILES, maxFileBytes = MAX_FILE_BYTES } = options;
    checkBound('maxFiles of a qlog', maxFiles, 1);
    checkBound('maxFileBytes of a qlog', maxFileBytes, LEAST_FILE_BYTES);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await readdir(folder);
      return new QlogFolder(options);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new KwikError('ERR_KWIK_LOCAL_FILE', `no qlog can be written into ${folder}: ${why}`, { cause });
    }
  }

  /**
   * Writes down what has changed on the paths of sessions; by itself, when a session has opened and four times a second.
   * Never throws.
   */
  sample(): void {
    // One that cannot be read costs no other its figures.
    for (const source of this.#options.counters.sources()) attempt(() => this.#sampleSource(source));
  }

  /** Of sessions that have just opened: a short one is over before the next sample of all. */
  #sampleNew(): void {
    this.#soon = undefined;
    for (const source of this.#options.counters.sources()) {
      if (source.kind === 'session' && !this.#keys.has(source)) attempt(() => this.#sampleSource(source));
    }
  }

  #sampleSource(source: CounterSource): void {
    if (source.kind !== 'session') return;
    const key = this.#keys.get(source);
    if (key !== undefined && this.#open.get(key)?.file.ended !== false) return;
    const reading = source.read();
    const own = keyOf(reading);
    this.#keys.set(source, own);
    const session = this.#open.get(own) ?? this.#begin(reading, reading.openedAtMs, reading.nowMs);
    if (session === undefined) return;
    for (const event of changesOf(session.before, reading)) add(session, event, reading.nowMs);
    session.before = reading;
  }

  /** Writes what is known of sessions that are open, and ends all files. A second call waits for the first. */
  async close(): Promise<void> {
    if (!this.#ended) {
      this.#ended = true;
      clearInterval(this.#timer);
      clearImmediate(this.#soon);
      this.sample();
      this.#end();
      for (const key of [...this.#open.keys()]) this.#finish(key);
    }
    while (this.#closing.size > 0) await Promise.all(this.#closing);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #hear(name: keyof typeof CONVERSIONS, event: OfSession): void {
    const key = keyOf(event);
    // What is told of a session that has ended, such as of content that came to nothing, begins no file: nobody would end it.
    const isNew = name === 'kwik:session:opened';
    const session = this.#open.get(key) ?? (isNew ? this.#begin(event, event.atMs, event.atMs) : undefined);
    if (session === undefined) return;
    const convert = CONVERSIONS[name] as (event: OfSession) => readonly QlogEvent[];
    for (const converted of convert(event)) add(session, converted, event.atMs);
    // Its first path is there when all has been told of that.
    if (isNew) this.#soon ??= setImmediate(() => this.#sampleNew());
    if (name === 'kwik:session:closed') this.#finish(key);
  }

  #begin(
    { sessionId, role }: Pick<OfSession, 'sessionId' | 'role'>,
    openedAtMs: number,
    nowMs: number,
  ): OpenSession | undefined {
    const { folder, maxFiles = MAX_FILES, maxFileBytes = MAX_FILE_BYTES, onFault } = this.#options;
    if (this.#ended || this.#open.size >= Math.min(MAX_OPEN, maxFiles)) return undefined;
    const name = `kwik-${stamp()}-p${process.pid}-${sessionId.replace(/[^\w]/gu, '').slice(0, 16)}-${role}.sqlog`;
    const fault = (error: Error): void => attempt(() => onFault?.(error));
    const openedAt = new Date(Date.now() - Math.max(0, nowMs - openedAtMs));
    const file = new QlogFile(join(folder, name), headerOf({ sessionId, role, openedAt }), maxFileBytes, fault);
    const session: OpenSession = { file, name, sessionId, openedAtMs, before: undefined, lastMs: 0 };
    this.#open.set(keyOf({ sessionId, role }), session);
    this.#busy.add(name);
    this.#forget();
    return session;
  }

  #finish(key: string): void {
    const session = this.#open.get(key);
    if (session === undefined) return;
    this.#open.delete(key);
    this.#later(
      session.file.close().then(() => {
        this.#busy.delete(session.name);
        this.#forget();
      }),
    );
  }

  /** Deletes the oldest of the files that nobody writes any more. */
  #forget(): void {
    this.#looks = Math.min(2, this.#looks + 1);
    if (this.#looks === 1) this.#later(this.#tidy());
  }

  /** Never rejects. */
  async #tidy(): Promise<void> {
    const { folder, maxFiles = MAX_FILES } = this.#options;
    for (; this.#looks > 0; this.#looks -= 1) {
      const found = (await readdir(folder).catch(() => [])).filter((name) => FILE_NAME.test(name));
      // One that was begun just now may not be there yet. Names sort as time does.
      const names = [...new Set([...found, ...this.#busy])].sort();
      const old = names.filter((name) => !this.#busy.has(name) && !isOfOther(name));
      for (const name of old.slice(0, Math.max(0, names.length - maxFiles))) {
        await unlink(join(folder, name)).catch(() => undefined);
      }
    }
  }

  /** The end waits for it. */
  #later(work: Promise<void>): void {
    const waited = work.then(() => void this.#closing.delete(waited));
    this.#closing.add(waited);
  }
}

function add(session: OpenSession, { name, data, pathId }: QlogEvent, atMs: number): void {
  // Times of a file do not go back; what is told a little late is told now.
  session.lastMs = Math.max(session.lastMs, atMs - session.openedAtMs);
  const group_id = pathId === undefined ? session.sessionId : `${session.sessionId}/${pathId}`;
  session.file.add({ time: Math.round(session.lastMs * 1000) / 1000, name, group_id, data });
}

interface Origin extends Pick<OfSession, 'sessionId' | 'role'> {
  /** What the times of the file count from. */
  readonly openedAt: Date;
}

function headerOf({ sessionId, role, openedAt }: Origin): object {
  return {
    file_schema: 'urn:ietf:params:qlog:file:sequential',
    serialization_format: 'application/qlog+json-seq',
    title: `KWIK session ${sessionId} (${role})`,
    trace: {
      title: `session ${sessionId}`,
      common_fields: {
        time_format: 'relative_to_epoch',
        reference_time: { clock_type: 'monotonic', epoch: 'unknown', wall_clock_time: openedAt.toISOString() },
      },
      vantage_point: { name: `kwik ${role}`, type: role === 'client' ? 'client' : 'server' },
      event_schemas: EVENT_SCHEMAS,
    },
  };
}

function keyOf({ sessionId, role }: Pick<OfSession, 'sessionId' | 'role'>): string {
  return `${sessionId}.${role}`;
}

/** Sorts as time does. */
function stamp(): string {
  return new Date().toISOString().replace(/[^\dT]/gu, '');
}

/** Whether another process that lives has written it, and may be writing it. */
function isOfOther(name: string): boolean {
  const writer = Number(WRITER.exec(name)?.[1] ?? process.pid);
  if (writer === process.pid) return false;
  try {
    process.kill(writer, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
