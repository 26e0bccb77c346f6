import { proto } from '@kwik/wire';
import type { ControlHandlers, Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';

/** A secondary that is being removed goes when all that it had to say has arrived. */
export class Removal implements Feature {
  readonly #session: SessionContext;
  /** The client removes this path, and waits for what is under way. */
  #draining = false;

  readonly handlers: ControlHandlers = {
    pathStatus: (_client, { state }) => {
      if (state === proto.PathState.DRAINING) this.#draining = true;
    },
  };

  constructor(session: SessionContext) {
    this.#session = session;
  }

  plan(): undefined {
    if (!this.#draining) return;
    for (const { send, supply } of this.#session.streams.values()) {
      if (send?.flushed === false || supply?.hasData === true) return;
    }
    for (const { data } of this.#session.paths.values()) if (data.sent.count > 0) return;
    this.#session.finish({ by: 'peer', code: 0, reason: 'the primary removed this path' }, true);
  }
}
