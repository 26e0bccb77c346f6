import { constants, open, type FileHandle } from 'node:fs/promises';
import { checkOptions, KwikError, optionRules } from '@kwik/wire';
import { removeUnfinished, replaceFile } from '../files/replace-file.js';
import { MAX_KEPT_BYTES, MAX_KEPT_SERVERS } from './kept-text.js';
import { SCORE_RULES, TrustScores, type TrustScoresOptions } from './trust-scores.js';

/** What happened in the last seconds before a crash is seen again soon enough. */
const EVERY_MS = 30_000;
const MODE = 0o600;

export interface KeptTrustScoresOptions extends TrustScoresOptions {
  /** Made when it is not there. One process writes it: of several the last one counts. */
  readonly path: string;
  /** How often it is written when something has changed, milliseconds. Default: 30,000. */
  readonly everyMs?: number;
  /** Told when it cannot be written; it is tried again. */
  readonly onFailure?: (error: unknown) => void;
  /** Milliseconds since 1970. Default: `Date.now`. */
  readonly wallClockMs?: () => number;
}

const { call, filePath, group, positiveMilliseconds } = optionRules;
const RULES = group<KeptTrustScoresOptions>(
  { ...SCORE_RULES, path: filePath, everyMs: positiveMilliseconds, onFailure: call, wallClockMs: call },
  ['path'],
);

/** Trust scores that outlive the process: who lied before a restart has lied after it. */
export class KeptTrustScores implements AsyncDisposable {
  readonly scores: TrustScores;
  readonly #options: KeptTrustScoresOptions;
  readonly #timer: NodeJS.Timeout;
  #written: number;
  #writing: Promise<void> = Promise.resolve();

  private constructor(scores: TrustScores, options: KeptTrustScoresOptions) {
    this.scores = scores;
    this.#options = options;
    this.#written = scores.changes;
    this.#timer = setInterval(() => void this.#save(), options.everyMs ?? EVERY_MS).unref();
  }

  /**
   * Rejects with ERR_KWIK_LOCAL_FILE for a file that cannot be read, or holds something else: nobody is forgiven for a broken disk;
   * with ERR_KWIK_INVALID_ARGUMENT for options that are wrong, and for more than 20,000 servers.
   */
  static async open(options: KeptTrustScoresOptions): Promise<KeptTrustScores> {
    checkOptions(options, { call: 'KeptTrustScores.open', root: RULES });
    if ((options.maxServers ?? 0) > MAX_KEPT_SERVERS) {
      throw new KwikError(
        'ERR_KWIK_INVALID_ARGUMENT',
        `a file keeps the scores of ${MAX_KEPT_SERVERS} servers at the most`,
      );
    }
    const { policy, audit, maxServers } = options;
    const scores = new TrustScores({
      ...(policy !== undefined && { policy }),
      ...(audit !== undefined && { audit }),
      ...(maxServers !== undefined && { maxServers }),
    });
    await removeUnfinished(options.path);
    const text = await readBounded(options.path);
    try {
      if (text !== undefined) scores.restore(text, options.wallClockMs?.() ?? Date.now());
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const message = `${options.path} cannot be used: ${why}; mend it, or remove it and begin anew`;
      throw new KwikError('ERR_KWIK_LOCAL_FILE', message, { cause });
    }
    return new KeptTrustScores(scores, options);
  }

  /** Writes what has changed; never rejects. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#save();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #save(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      const { changes } = this.scores;
      if (changes === this.#written) return;
      try {
        const { path, wallClockMs = Date.now } = this.#options;
        await replaceFile(path, this.scores.kept(wallClockMs()), { mode: MODE, flush: true });
        this.#written = changes;
      } catch (error) {
        this.#report(error);
      }
    });
    return this.#writing;
  }

  #report(error: unknown): void {
    try {
      this.#options.onFailure?.(error);
    } catch {
      // A reporter of errors that fails has nobody to report to.
    }
  }
}

async function readBounded(path: string): Promise<string | undefined> {
  let file: FileHandle;
  try {
    // A pipe that nobody writes to would be waited for.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unreadable(path, error);
  }
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new KwikError('ERR_KWIK_LOCAL_FILE', `the trust scores ${path} are no file`);
    if (found.size > MAX_KEPT_BYTES) {
      throw new KwikError('ERR_KWIK_LOCAL_FILE', `the trust scores ${path} have more than ${MAX_KEPT_BYTES} bytes`);
    }
    return await file.readFile('utf8');
  } catch (error) {
    throw error instanceof KwikError ? error : unreadable(path, error);
  } finally {
    await file.close();
  }
}

function unreadable(path: string, cause: unknown): KwikError {
  const why = (cause as Error).message;
  return new KwikError('ERR_KWIK_LOCAL_FILE', `the trust scores ${path} cannot be read: ${why}`, { cause });
}
