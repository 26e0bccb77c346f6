import type { CloseInfo } from '../../src/api/session.js';
import { TIGHT_PACKETS_PER_KEY, type Plan } from '../plan/plan.js';

/** Connection and handshake of the longest link, with some losses. */
const DIAL_MS = 3000;

/**
 * What a plan explains. This is the one place that knows what sessions promise today:
 *
 * - The session outlives the loss of all its paths, as long as that is shorter than the idle timeout. All faults of a
 *   plan are over in less.
 * - A primary whose process dies has lost the session: every call rejects, and nothing hangs. Unless it has a standby: then the
 *   session is lost when all servers of the fleet die.
 * - A relay that does with datagrams what it likes costs the path by way of it; one that drains ends its own as well, which is
 *   asked for again.
 * - A lost secondary costs time, and its own path; nothing else. It comes back when it can.
 * - A path whose keys are used up faster than it can get new ones is lost for a moment.
 * - A session that was never opened need not be: nobody dials twice.
 */
export class Expectations {
  readonly #plan: Plan;
  /** The session may end by itself. Otherwise everything completes. */
  readonly sessionMayEnd: boolean;
  /** The client may not get its session. */
  readonly dialMayFail: boolean;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.sessionMayEnd =
      plan.takeover?.all === true ||
      plan.faults.some(({ kind, target }) => target === 0 && ['crash', 'usurp'].includes(kind));
    this.dialMayFail = plan.faults.some(({ target, atMs }) => (target === 0 || target === 'client') && atMs < DIAL_MS);
  }

  /** Whether something that concerns the path to a server may go wrong: a command, a raw packet, a contribution. */
  pathMayFail(server: number): boolean {
    const { faults, servers, paths, relays = [] } = this.#plan;
    if (servers[server]?.evil.length !== 0 || this.sessionMayEnd || this.#tightKeys) return true;
    const lies = ['liar'].includes(servers[server].replica);
    const drains = relays.some((relay) => relay.server === server && relay.faults.some(({ kind }) => kind === 'drain'));
    return (
      lies ||
      drains ||
      faults.some(({ target }) => target === server || target === 0 || target === 'client') ||
      removed(paths, server)
    );
  }

  /** They may be used up before there are new ones, which ends a path. */
  get #tightKeys(): boolean {
    const { packetsPerKey = Infinity } = this.#plan.clientLimits;
    return packetsPerKey < TIGHT_PACKETS_PER_KEY;
  }

  /** Why a session that ended by itself should not have; undefined when it may. */
  objectionTo(info: CloseInfo): string | undefined {
    if (info.by === 'local' && info.code === 0) return undefined;
    if (this.sessionMayEnd) return undefined;
    return `the session ended by ${info.by} (${info.error?.code ?? info.code}: ${info.reason}), which no fault explains`;
  }
}

function removed(paths: Plan['paths'], server: number): boolean {
  return paths.some((path) => path.action === 'remove' && path.server === server);
}
