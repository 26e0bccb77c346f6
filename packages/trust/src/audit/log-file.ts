import { open, rename, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KwikError } from '@kwik/wire';
import { replaceFile } from '../files/replace-file.js';

/** The disk, as far as a log needs it; tests put another in its place. */
export interface LogDisk {
  open(path: string): Promise<LogHandle>;
  rename(from: string, to: string): Promise<void>;
  /** Replaces the file by one with this content, or leaves it as it was. */
  replace(path: string, content: string, sync: boolean): Promise<void>;
  /** Makes it last that names of files in the folder of `path` changed. */
  syncFolder(path: string): Promise<void>;
}

export interface LogHandle {
  /** All of them at the end, or a rejection. */
  append(bytes: Uint8Array): Promise<void>;
  truncate(length: number): Promise<void>;
  sync(): Promise<void>;
  /** Bytes; rejects with ERR_KWIK_LOCAL_FILE when the path leads to another file by now. */
  size(): Promise<number>;
  close(): Promise<void>;
}

/** For its owner and those that the group lets read. */
const LOG_MODE = 0o640;

export function systemDisk(): LogDisk {
  return {
    open: async (path) => fileHandle(path, await open(path, 'a', LOG_MODE)),
    rename,
    replace: (path, content, sync) => replaceFile(path, content, { mode: LOG_MODE, flush: sync }),
    syncFolder: async (path) => {
      const folder = await open(dirname(path), 'r');
      await folder.sync().finally(() => folder.close());
    },
  };
}

function fileHandle(path: string, handle: FileHandle): LogHandle {
  return {
    append: (bytes) => handle.appendFile(bytes),
    truncate: (length) => handle.truncate(length),
    sync: () => handle.datasync(),
    size: async () => {
      const [own, named] = await Promise.all([handle.stat(), stat(path)]);
      if (own.ino !== named.ino || own.dev !== named.dev) {
        throw new KwikError('ERR_KWIK_LOCAL_FILE', `${path} was moved away or replaced`);
      }
      return own.size;
    },
    close: () => handle.close(),
  };
}
