import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach } from '@jest/globals';

export interface TemporaryFolder {
  /** Real path below the folder. */
  path(...parts: string[]): string;
  /** Writes a file, making folders on its way; returns its path. */
  write(name: string, content: string | Uint8Array): Promise<string>;
}

/** A folder for each test of a file, removed after it. */
export function temporaryFolder(): TemporaryFolder {
  let root = '';
  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'kwik-cli-unit-')));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));
  const path = (...parts: string[]): string => join(root, ...parts);
  return {
    path,
    async write(name, content) {
      await mkdir(dirname(path(name)), { recursive: true });
      await writeFile(path(name), content);
      return path(name);
    },
  };
}
