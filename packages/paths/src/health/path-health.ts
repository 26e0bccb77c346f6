import type { SchedulablePathState } from '@kwik/wire';
import type { PathState } from '../state/path-state.js';

/**
 * What the packets of a path say beside its state: `stalled` when data stopped in the middle of a flow, `settling` when
 * the path has just come back from an outage and QUIC still sends again what was lost in it.
 */
export type PathFlow = 'steady' | 'stalled' | 'settling';

/**
 * How a path is, in one word: its state and, where that says that it works, its flow. Whoever wants to know what a path may
 * be used for asks one of the functions below, each of which answers one question for every health.
 *
 * RFC 10069 knows two of these answers by name. A path is _available_ when data may go there at any time (`isAvailable`); any
 * other that is connected is a _backup_, used when no path is available. `suspended` is a backup by the application's will.
 */
export type PathHealth = PathState | Exclude<PathFlow, 'steady'>;

/** A path that is silent, or that somebody has set aside, is no better for what its flow does. */
export function healthOf(state: PathState, flow: PathFlow): PathHealth {
  return flow === 'steady' || (state !== 'active' && state !== 'degraded') ? state : flow;
}

/** Is the path not dead? Operations on a dead one are answered with a dead-path notice (K6.3). */
export function isAlive(health: PathHealth): boolean {
  return health !== 'dead';
}

/** Is there a connection whose peer has shown who it is? */
export function isConnected(health: PathHealth): boolean {
  switch (health) {
    case 'active':
    case 'degraded':
    case 'settling':
    case 'stalled':
    case 'suspected':
    case 'draining':
    case 'suspended':
      return true;
    case 'connecting':
    case 'validating':
    case 'recovering':
    case 'dead':
      return false;
  }
}

/**
 * May the path send new data? Any other that is connected is a backup: it carries data only when it is the best of those
 * that lead to the peer.
 */
export function isAvailable(health: PathHealth): boolean {
  return health === 'active' || health === 'degraded';
}

/** Does a path of this health come before the other as the one that takes data and control messages by default? */
export function ranksAbove(health: PathHealth, other: PathHealth): boolean {
  return RANK[health] < RANK[other];
}

/** A path that works badly is no worse a default than one that works well: which one is used for what, schedulers say. */
const RANK: Readonly<Record<PathHealth, number>> = {
  active: 0,
  degraded: 0,
  settling: 1,
  stalled: 2,
  suspected: 2,
  draining: 3,
  suspended: 4,
  validating: 5,
  connecting: 5,
  recovering: 5,
  dead: 5,
};

/**
 * Is what the path owes to be sent on another one as well, before it is known to be lost? MPTCP calls that reinjection. A
 * path that drains or is set aside still delivers; so does one that settles, whose debts were reinjected when it fell silent.
 */
export function needsReinjection(health: PathHealth): boolean {
  return health === 'stalled' || health === 'suspected';
}

/** How a scheduler sees a path. It meets backups only when no path is available, and then prefers one that works. */
export function schedulableState(health: PathHealth): SchedulablePathState {
  switch (health) {
    case 'active':
      return 'active';
    case 'degraded':
    case 'settling':
      return 'degraded';
    case 'stalled':
    case 'suspected':
    case 'draining':
    case 'suspended':
    case 'connecting':
    case 'validating':
    case 'recovering':
    case 'dead':
      return 'suspected';
  }
}

/**
 * What a client may expect of a server in the ranges of content: `ask` for more; `await` what was asked for, and nothing
 * more; or `replace` it, that is, ask others for what this server owes.
 */
export type ContentUse = 'ask' | 'await' | 'replace';

/**
 * May content be asked of a path? A server that is still being asked to join may: the ranges go out in the flight of its
 * hello.
 *
 * @param anyAvailable whether some path of the session is available. One that has just come back is better than none.
 */
export function contentUse(health: PathHealth, anyAvailable: boolean): ContentUse {
  switch (health) {
    case 'active':
    case 'degraded':
    case 'validating':
      return 'ask';
    case 'settling':
      return anyAvailable ? 'replace' : 'ask';
    case 'draining':
    case 'suspended':
      return 'await';
    case 'stalled':
    case 'suspected':
    case 'connecting':
    case 'recovering':
    case 'dead':
      return 'replace';
  }
}
