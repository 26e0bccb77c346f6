import { toPathId } from '@kwik/wire';
import { FIRST_RELAYED_PATH_ID } from '../../limits.js';
import type { ControlHandlers, Feature } from '../../runtime/features/feature.js';
import type { SessionContext } from '../../runtime/features/session-context.js';

/** Why a path is suspended whose relay says that it will forward no longer. */
export const RELAY_STOPS = 'its relay is about to stop';

/** A relay has told the client that it is about to stop: the primary sends nothing new that way either. */
export class RelayNotices implements Feature {
  readonly handlers: ControlHandlers = {
    relayNotice: (_client, { pathId }) => {
      const path = this.#session.paths.get(toPathId(pathId));
      // Of the other paths a client says in other ways what it wants of them.
      if (path === undefined || path.id < FIRST_RELAYED_PATH_ID) return;
      if (path.machine.canBecome('suspended')) path.suspend(RELAY_STOPS);
    },
  };
  readonly #session: Pick<SessionContext, 'paths'>;

  constructor(session: Pick<SessionContext, 'paths'>) {
    this.#session = session;
  }
}
