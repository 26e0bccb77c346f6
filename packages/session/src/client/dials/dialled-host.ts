import { systemClock } from '@kwik/quic';
import type { Clock } from '@kwik/wire';
import type { DialOptions } from '../../api/options.js';
import { newHost, type SessionHost } from '../../runtime/host/session-host.js';
import type { DialSpecials } from '../dial-specials.js';
import { diallingEnd, sessionDials, type SessionDials } from './session-dials.js';

/** What a session that is dialled stands on. */
export interface DialledHost {
  readonly host: SessionHost;
  readonly dials: SessionDials;
  /**
   * Opens the session: what it holds counts for its process until it fails, or has left. Rejects with ERR_KWIK_LIMIT_EXCEEDED, with the
   * time to try again, while the process takes on nothing new.
   */
  begin<T>(open: () => Promise<T>): Promise<T>;
  /** It has ended. */
  leave(): void;
}

export function dialledHost(
  { runtime, guard, overload }: DialOptions,
  specials: DialSpecials,
  clock: Clock,
): DialledHost {
  const outlet = { network: runtime?.network, clock };
  const host = newHost({
    ...(specials.diagnostics !== undefined && { diagnostics: specials.diagnostics }),
    audit: guard?.audit,
    clock,
    policy: (made) => diallingEnd(made, outlet, runtime?.random).policy,
  });
  const { overload: shared } = diallingEnd(host, outlet, runtime?.random);
  // A relay is dialled for a session that is there.
  const isNew = specials.dials === undefined && specials.hasRoom !== true;
  let leave = (): void => undefined;
  return {
    host,
    dials: specials.dials ?? sessionDials(host, outlet, runtime?.random),
    begin: async (open) => {
      leave = shared.enter({ ledger: host.memory, callbacks: host.callbacks, options: overload }, isNew);
      try {
        return await open();
      } catch (error) {
        leave();
        throw error;
      }
    },
    leave: () => leave(),
  };
}

/** Rejects as `DialledHost.begin` would now. */
export async function requireRoomToDial(options: DialOptions): Promise<void> {
  const dialled = dialledHost(options, {}, options.runtime?.clock ?? systemClock());
  await dialled.begin(() => Promise.resolve());
  dialled.leave();
}
