import { homedir } from 'node:os';
import { join } from 'node:path';
import { env, platform } from 'node:process';
import { KwikError } from '@kwik/wire';

/** Where KWIK keeps what belongs to the user. `KWIK_DATA_DIR` overrides it. Throws ERR_KWIK_CREDENTIALS without a home. */
export function dataFolder(): string {
  const chosen = env['KWIK_DATA_DIR'];
  if (chosen !== undefined && chosen !== '') return chosen;
  if (platform === 'win32') return join(env['LOCALAPPDATA'] ?? join(home(), 'AppData', 'Local'), 'kwik');
  if (platform === 'darwin') return join(home(), 'Library', 'Application Support', 'kwik');
  return join(env['XDG_DATA_HOME'] ?? join(home(), '.local', 'share'), 'kwik');
}

/** A user without an entry in the system's list, as in many containers, has no home folder. */
function home(): string {
  try {
    return homedir();
  } catch (cause) {
    throw new KwikError(
      'ERR_KWIK_CREDENTIALS',
      'this user has no home folder; set HOME, or KWIK_DATA_DIR to a folder that it may write to',
      { cause },
    );
  }
}
