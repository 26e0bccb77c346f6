import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A development authority for one test file, apart from the user's own; returns what removes it. */
export async function useDataFolder(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'kwik-examples-'));
  process.env['KWIK_DATA_DIR'] = folder;
  return async () => {
    delete process.env['KWIK_DATA_DIR'];
    await rm(folder, { recursive: true, force: true });
  };
}
