import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { env, platform } from 'node:process';
import { KwikError } from '@kwik/wire';

/** What the place depends on; tests give their own. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  /** Throws where the system knows of no home folder. */
  homedir(): string;
}

/**
 * Where KWIK keeps what belongs to the user. `KWIK_DATA_DIR` overrides it. Throws ERR_KWIK_CREDENTIALS when the user has
 * no home folder, as in some containers.
 */
export function dataFolder(around: Surroundings = { env, platform, homedir }): string {
  const chosen = around.env['KWIK_DATA_DIR'];
  if (chosen !== undefined && chosen !== '') return chosen;
  if (around.platform === 'win32') {
    return join(absolute(around.env['LOCALAPPDATA']) ?? home(around, 'AppData', 'Local'), 'kwik');
  }
  if (around.platform === 'darwin') return home(around, 'Library', 'Application Support', 'kwik');
  return join(absolute(around.env['XDG_DATA_HOME']) ?? home(around, '.local', 'share'), 'kwik');
}

/** What is empty or relative counts as not set (XDG Base Directory Specification). */
function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined;
}

function home(around: Surroundings, ...parts: string[]): string {
  let folder: string;
  try {
    folder = around.homedir();
  } catch (cause) {
    throw noHome(cause);
  }
  if (!isAbsolute(folder)) throw noHome(undefined);
  return join(folder, ...parts);
}

function noHome(cause: unknown): KwikError {
  return new KwikError(
    'ERR_KWIK_CREDENTIALS',
    'this user has no home folder, in which the development authority would be; set HOME, or KWIK_DATA_DIR to a folder',
    { cause },
  );
}
