import type { ControlHandlers, Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';

/**
 * What the client of a primary says of the health of its paths' servers. A hint for this session alone: it changes nothing of what
 * the primary knows of a server elsewhere, whether it is trusted, or whether it is chosen for others.
 */
export function healthHints(session: Pick<SessionContext, 'paths'>): Feature {
  const handlers: ControlHandlers = {
    healthReport: (_client, { serverId, loadPermille, sessions, accepting }) => {
      if (serverId === '') return;
      for (const path of session.paths.infos()) {
        if (path.primary || (path.serverId !== serverId && path.address !== serverId)) continue;
        session.paths.serverSaid(path.id, { load: loadPermille / 1000, sessions, accepting });
      }
    },
  };
  return { handlers };
}
