import type { CloseInfo } from '../../src/api/session.js';
import type { Fault, FaultKind, Plan } from '../plan/plan.js';

/** A primary that says nothing for less than this is not given up; more may cost the session. */
const PRIMARY_PATIENCE_MS = 1000;
/** Loss that a living path may show; with more, silence of some seconds is possible. */
const BEARABLE_LOSS = 0.2;

/** Faults during which nothing is heard of a server, or of some of its streams. */
const SILENCING: ReadonlySet<FaultKind> = new Set(['cut', 'flap', 'one-way', 'stall', 'sleep', 'mute', 'shuffle']);
/** Faults that end a connection at once. */
const FATAL: ReadonlySet<FaultKind> = new Set(['crash', 'break']);
const LOSSY: ReadonlySet<FaultKind> = new Set(['loss', 'burst', 'corrupt', 'delay', 'slow']);

/**
 * What a plan explains. This is the one place that knows what sessions promise today:
 *
 * - A lost primary ends the session: every call rejects, and nothing hangs. What is not lost for long goes on.
 * - A lost secondary costs time, and its own path; nothing else.
 */
export class Expectations {
  readonly #plan: Plan;
  /** The session may end by itself. Otherwise everything completes. */
  readonly sessionMayEnd: boolean;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.sessionMayEnd = plan.faults.some((fault) => mayCostThePrimary(fault));
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

function mayCostThePrimary(fault: Fault): boolean {
  if (fault.target !== 0 && fault.target !== 'client') return false;
  if (FATAL.has(fault.kind)) return true;
  if (SILENCING.has(fault.kind)) return fault.durationMs > PRIMARY_PATIENCE_MS;
  return LOSSY.has(fault.kind) && fault.severity > BEARABLE_LOSS && fault.durationMs > PRIMARY_PATIENCE_MS;
}
