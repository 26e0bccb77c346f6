import { constants, open } from 'node:fs/promises';
import type { DemandHistory, Spending } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { z } from 'zod';
import { errnoOf, fileError } from '../../errors.js';
import { writeWhole } from '../../whole-file.js';

/** Two weeks of hours and a thousand servers take a tenth of it. */
const MAX_BYTES = 1024 * 1024;
const MODE = 0o600;
const MAX_SERVERS = 1024;
/** Of two weeks. */
const MAX_HOURS = 14 * 24;

/** As the listener takes them: it would begin anew, and what is written then has nothing of those that it did not take. */
const hour = z.object({ hour: z.int(), bytesPerSecond: z.number().min(0).max(1e12), sessions: z.int().min(1) });

const shape = z.object({
  v: z.literal(1),
  hours: z.array(hour).max(MAX_HOURS),
  spending: z
    .object({
      month: z.string().regex(/^\d{4}-(?:0[1-9]|1[0-2])$/u),
      bytes: z
        .record(z.string().max(300), z.number().min(0))
        .refine((bytes) => Object.keys(bytes).length <= MAX_SERVERS, `more than ${MAX_SERVERS} servers`),
    })
    .optional(),
});
type Kept = z.infer<typeof shape>;

/** What scaling knows after a restart: what the hours of the last days needed, and what servers have sent this month. */
export class ScalingFile {
  readonly history: DemandHistory;
  readonly #path: string;
  readonly #onFailure: (error: KwikError) => void;
  #kept: Kept;
  #isNews = false;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, kept: Kept, onFailure: (error: KwikError) => void) {
    this.#path = path;
    this.#kept = kept;
    this.#onFailure = onFailure;
    this.history = { load: () => kept.hours, save: (hours) => this.#keep({ hours: [...hours] }) };
  }

  /**
   * Begins anew where there is no file. Rejects with ERR_KWIK_LOCAL_FILE for one that cannot be read, or is something else: what was
   * spent is not forgotten for a slip. `onFailure`: told when it cannot be written; it is tried again with the next news.
   */
  static async open(path: string, onFailure: (error: KwikError) => void): Promise<ScalingFile> {
    const text = await readText(path);
    return new ScalingFile(path, text === undefined ? { v: 1, hours: [] } : parse(text, path), onFailure);
  }

  get hours(): number {
    return this.#kept.hours.length;
  }

  get spending(): Spending | undefined {
    return this.#kept.spending;
  }

  spent(spending: Spending): void {
    this.#keep({ spending: { month: spending.month, bytes: { ...spending.bytes } } });
  }

  /** All that was kept is written, or cannot be. */
  close(): Promise<void> {
    return this.#write();
  }

  #keep(news: Partial<Kept>): void {
    this.#kept = { ...this.#kept, ...news };
    this.#isNews = true;
    void this.#write();
  }

  /** One at a time: the last that is written is the newest. */
  #write(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      if (!this.#isNews) return;
      this.#isNews = false;
      try {
        await writeWhole(this.#path, `${JSON.stringify(this.#kept)}\n`, { mode: MODE, flush: true });
      } catch (error) {
        this.#isNews = true;
        this.#onFailure(fileError('write', this.#path, error));
      }
    });
    return this.#writing;
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    // A pipe that nobody writes to would be waited for.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = await file.stat();
      if (!found.isFile()) throw unusable(path, 'it is no file');
      if (found.size > MAX_BYTES) throw unusable(path, `it has more than ${MAX_BYTES} bytes`);
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw fileError('read', path, error);
  }
}

function parse(text: string, path: string): Kept {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw unusable(path, 'it is no JSON');
  }
  const read = shape.safeParse(given);
  if (!read.success) throw unusable(path, z.prettifyError(read.error));
  return read.data;
}

function unusable(path: string, why: string): KwikError {
  return new KwikError('ERR_KWIK_LOCAL_FILE', `${path} cannot be used: ${why}; mend it, or remove it and begin anew`);
}
