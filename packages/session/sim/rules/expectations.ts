import type { CloseInfo } from '../../src/api/session.js';
import type { Plan } from '../plan/plan.js';

/** Connection and handshake of the longest link, with some losses. */
const DIAL_MS = 3000;

/**
 * What a plan explains. This is the one place that knows what sessions promise today:
 *
 * - The session outlives the loss of all its paths, as long as that is shorter than the idle timeout. All faults of a
 *   plan are over in less.
 * - A primary whose process dies has lost the session: every call rejects, and nothing hangs.
 * - A lost secondary costs time, and its own path; nothing else. It comes back when it can.
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
    this.sessionMayEnd = plan.faults.some(({ kind, target }) => target === 0 && ['crash', 'usurp'].includes(kind));
    this.dialMayFail = plan.faults.some(({ target, atMs }) => (target === 0 || target === 'client') && atMs < DIAL_MS);
  }

  /** Whether something that concerns the path to a server may go wrong: a command, a raw packet, a contribution. */
  pathMayFail(server: number): boolean {
    const { faults, servers, paths } = this.#plan;
    if (servers[server]?.evil.length !== 0 || this.sessionMayEnd) return true;
    const lies = ['liar'].includes(servers[server].replica);
    return (
      lies ||
      faults.some(({ target }) => target === server || target === 0 || target === 'client') ||
      removed(paths, server)
    );
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
