import { watch, type FSWatcher } from 'node:fs';
import { constants, open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { checkOptions, KwikError, optionRules, type Clock, type DiscoverySnapshot } from '@kwik/wire';
import { systemClock } from './system-clock.js';
import type { DiscoverySource } from './discovery-source.js';
import { readServers } from './server-list-shape.js';
import { delay } from './waiting.js';

/** Where the system tells of no change (network file systems), the file is looked at so often. */
const LOOK_EVERY_MS = 5000;
/** A program that writes a file in several steps is done by then. */
const SETTLE_MS = 50;
const MAX_BYTES = 16 * 1024 * 1024;

export interface WatchedFileOptions {
  /** JSON: a list of servers, or `{ "servers": [...] }`, as docs/discovery.md has it. */
  readonly path: string;
  /** Default: `file`. */
  readonly name?: string;
  readonly clock?: Clock;
}

const { clock: aClock, filePath, group, text } = optionRules;
const RULES = group<WatchedFileOptions>({ path: filePath, name: text, clock: aClock }, ['path']);

/**
 * Servers of a file, read again when it changes. Replace it by a rename, so that nobody reads half of it. Throws
 * ERR_KWIK_INVALID_ARGUMENT, which names the member that is wrong.
 */
export function watchedFile(options: WatchedFileOptions): DiscoverySource {
  checkOptions(options, { call: 'watchedFile', root: RULES });
  const { path, name = 'file', clock = systemClock() } = options;
  return {
    name,
    async *watch(signal) {
      let before: string | undefined;
      const changes = new FolderChanges(path);
      try {
        for (;;) {
          const text = await readBounded(path);
          if (text !== before) yield snapshotOf(text, path);
          before = text;
          await changes.next(clock, signal);
          if (signal.aborted) return;
          await delay(clock, SETTLE_MS, signal);
        }
      } finally {
        // Also when the file cannot be read, which ends this: it is watched anew then.
        changes.close();
      }
    },
  };
}

/** Told by the folder, since a file that is replaced by a rename is another file. */
class FolderChanges {
  readonly #watcher: FSWatcher | undefined;
  #changed = new AbortController();

  constructor(path: string) {
    try {
      this.#watcher = watch(dirname(path), { persistent: false }, (_, file) => {
        if (file === null || file === basename(path)) this.#changed.abort();
      });
      this.#watcher.on('error', () => undefined);
    } catch {
      // Then it is looked at now and then.
    }
  }

  /** Resolves when the file may have changed since the last call, when it is time to look, and at the abort of `signal`. */
  async next(clock: Clock, signal: AbortSignal): Promise<void> {
    await delay(clock, LOOK_EVERY_MS, AbortSignal.any([signal, this.#changed.signal]));
    this.#changed = new AbortController();
  }

  close(): void {
    this.#watcher?.close();
  }
}

async function readBounded(path: string): Promise<string> {
  try {
    // A pipe that nobody writes to would be waited for.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const found = await file.stat();
      if (!found.isFile()) throw new KwikError('ERR_KWIK_LOCAL_FILE', 'it is no file');
      const { size } = found;
      if (size > MAX_BYTES) throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `it has more than ${MAX_BYTES} bytes`);
      const buffer = Buffer.alloc(size);
      const { bytesRead } = await file.read(buffer, 0, size, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new KwikError('ERR_KWIK_LOCAL_FILE', `the list of servers ${path} cannot be read: ${why}`, { cause: error });
  }
}

function snapshotOf(text: string, path: string): DiscoverySnapshot {
  return readServers(text, path);
}
