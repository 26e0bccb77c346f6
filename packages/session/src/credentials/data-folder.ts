import { homedir } from 'node:os';
import { join } from 'node:path';
import { env, platform } from 'node:process';

/** Where KWIK keeps what belongs to the user. `KWIK_DATA_DIR` overrides it. */
export function dataFolder(): string {
  const chosen = env['KWIK_DATA_DIR'];
  if (chosen !== undefined && chosen !== '') return chosen;
  if (platform === 'win32') return join(env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'), 'kwik');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'kwik');
  return join(env['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share'), 'kwik');
}
