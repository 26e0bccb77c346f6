import { checkOptions, KwikError, optionRules } from '@kwik/wire';
import type { ServerHealth } from '../api/paths.js';
import type { ServerSession } from '../api/session.js';
import { AcceptedSession } from './server-session.js';

const MOST_SESSIONS = 0xffff_ffff;

const { group, share, amount, flag } = optionRules;
const RULES = group<ServerHealth>({ load: share, sessions: amount, accepting: flag }, [
  'load',
  'sessions',
  'accepting',
]);

/**
 * Tells the client of a session how this server is: `PathInfo.serverHealth` there, and from there at the primary, which looks for
 * others in time when `accepting` is false. To be called when it changes; of each second the last word is taken. Throws
 * ERR_KWIK_INVALID_ARGUMENT for what cannot be; a session that has ended, or is without a path, is told nothing.
 */
export function reportHealth(session: ServerSession, health: ServerHealth): void {
  if (!(session instanceof AcceptedSession)) {
    throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', 'reportHealth is for the session of a server, as listen gives it');
  }
  checkOptions(health, { call: 'reportHealth', root: RULES });
  const { load, sessions, accepting } = health;
  const value = {
    serverId: '',
    loadPermille: Math.round(1000 * load),
    sessions: Math.min(MOST_SESSIONS, Math.round(sessions)),
    memoryBytes: 0n,
    accepting,
  };
  session.engine.controlPath?.send({ $case: 'healthReport', value });
}
