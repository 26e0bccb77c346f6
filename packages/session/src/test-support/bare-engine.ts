import { createScheduler } from '@kwik/scheduler';
import { VirtualClock } from '@kwik/testbed';
import type { DataPlaneOptions } from '../core/data/data-plane.js';
import { NODE_NATIVES } from '../runtime/host/node-natives.js';
import { newHost } from '../runtime/host/session-host.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import { SessionEngine, type Composition } from '../runtime/session/engine.js';
import { LIMITS } from './data-link.js';

/** A session without paths. `plane`: what is not as in `LIMITS`. */
export function bareEngine<C extends Composition>(
  plane: Pick<DataPlaneOptions, 'role'> & Partial<DataPlaneOptions>,
  compose: (session: SessionContext) => C,
  clock = new VirtualClock(),
): SessionEngine<C> {
  return new SessionEngine(
    {
      plane: { ...LIMITS, natives: NODE_NATIVES, ...plane },
      sending: { routing: 'primary', scheduler: createScheduler() },
      clock,
      host: newHost(),
      sessionId: 'bare',
    },
    compose,
  );
}
