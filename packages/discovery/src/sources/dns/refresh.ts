import type { Clock, DiscoverySnapshot, FoundServer } from '@kwik/wire';
import { delay } from '../waiting.js';

/** Changes are to be known within 30 s (V2.4, V4.2), whatever the time to live; and resolvers are not asked more often than this. */
const LONGEST_MS = 20_000;
const SHORTEST_MS = 2000;
/** Before what is known expires. */
const SHARE = 0.8;

/** Asks again before the shortest time to live is over. What is found stays until the answer after the next is due. */
export async function* refreshing(
  clock: Clock,
  signal: AbortSignal,
  read: () => Promise<DiscoverySnapshot>,
): AsyncIterable<DiscoverySnapshot> {
  for (;;) {
    const { servers, problems = [] } = await read();
    const shortestMs = servers.reduce((least, { ttlMs = Infinity }) => Math.min(least, ttlMs), Infinity);
    const waitMs = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, shortestMs * SHARE));
    const lasting = ({ record, ttlMs }: FoundServer): FoundServer => ({
      record,
      ttlMs: ttlMs === undefined ? undefined : Math.max(ttlMs, 2 * waitMs),
    });
    yield { servers: servers.map(lasting), problems };
    await delay(clock, waitMs, signal);
    if (signal.aborted) return;
  }
}
