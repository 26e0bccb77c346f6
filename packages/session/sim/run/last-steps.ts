import type { Session } from '../../src/api/session.js';
import type { SimulatedServer } from '../world/server.js';
import type { World } from '../world/world.js';

/** Sessions that were closed are closed at the other end, too, at the latest when it has waited in vain for the client to come back. */
const CLOSING_MS = 90_000;
/** Connections that ended still answer for some seconds; after that no timer is left. */
const QUIET_MS = 60_000;

/** Lets time pass until the condition holds, a rule is broken, or `maxMs` are over; true if it holds. */
export async function until(world: World, condition: () => boolean, maxMs: number): Promise<boolean> {
  await world.clock.runUntilAsync(() => world.violation !== undefined || condition(), { maxMs });
  return world.violation === undefined && condition();
}

/** The client closes its session, if it has one, and no server is left with one. */
export async function closeAll(
  world: World,
  session: Session | undefined,
  servers: readonly SimulatedServer[],
): Promise<void> {
  let closed = session === undefined;
  void session?.close().then(() => (closed = true));
  const sessions = servers.flatMap((server) => server.sessions);
  let open = sessions.length;
  for (const each of sessions) void each.closed.then(() => open--);
  if (await until(world, () => closed && open === 0, CLOSING_MS)) return;
  world.violate('sessions close', closed ? `${open} sessions of servers are open` : 'the client does not close');
}

/** After all is closed nothing is left that would ever do something. */
export async function keepQuiet(world: World): Promise<void> {
  if (world.violation !== undefined) return;
  await world.clock.advanceByAsync(QUIET_MS);
  const left = [...world.processes].filter(([, process]) => process.pendingTimers > 0).map(([host]) => host);
  if (left.length > 0) world.violate('no timer is left behind', left.join(', '));
}
