import { isAvailable, type PathHealth } from '@kwik/paths';
import type { ProcessDiagnostics } from '@kwik/quic';
import type {
  Counts,
  ErrorCode,
  FailoverCause,
  KwikError,
  LostPath,
  OfPath,
  OfSession,
  PathChanged,
  PathId,
  SessionReading,
  SessionRole,
  StreamId,
} from '@kwik/wire';
import type { PathRefusal } from '../../api/options.js';
import type { CloseInfo, PathInfo } from '../../api/session.js';
import { isViolation } from '../paths/deaths.js';
import type { PathRuntime } from '../paths/path-runtime.js';
import type { Feature } from './feature.js';
import type { SessionContext } from './session-context.js';

/** What is shown of paths without a connection; of long sessions there may be very many. */
const MAX_LOST = 16;

export interface SessionWatchOptions {
  readonly sessionId: string;
  readonly role: SessionRole;
  /** The primary before, where the session was taken over. */
  readonly takenFrom?: string | undefined;
  readonly diagnostics: ProcessDiagnostics;
}

/** A path that delivers no more, and that no other has taken over from yet. */
interface Failing {
  readonly path: PathRuntime;
  readonly cause: FailoverCause;
  readonly heardMs: number;
}

/** Tells `node:diagnostics_channel` what happens in a session, and keeps its counters where they are found. */
export class SessionWatch implements Feature {
  readonly #session: SessionContext;
  readonly #options: SessionWatchOptions;
  /** From the first path to the end. */
  #leave: (() => void) | undefined;
  #openedAtMs = 0;
  /** Paths whose failure has been counted; a path may fail again once it is available again. */
  readonly #failed = new Set<PathId>();
  #waiting: Failing | undefined;
  readonly #failovers: Record<FailoverCause, number> = { stalled: 0, suspected: 0, dead: 0 };
  readonly #violations: Partial<Record<ErrorCode, number>> = {};
  readonly #contents: Partial<Record<'ok' | ErrorCode, number>> = {};

  constructor(session: SessionContext, options: SessionWatchOptions) {
    this.#session = session;
    this.#options = options;
  }

  onPathUp(): void {
    if (this.#leave === undefined) this.#begin();
    this.#takenOver();
  }

  onPathHealth(path: PathRuntime): void {
    const cause = causeOf(path.health);
    if (cause !== undefined) this.#failing(path, cause);
    else if (isAvailable(path.health)) {
      this.#failed.delete(path.id);
      this.#takenOver();
    }
  }

  onPathDead(path: PathRuntime): void {
    const { death } = path;
    // One that was removed was drained before: nobody has taken over from it.
    if (death?.code !== 'ERR_KWIK_PATH_REMOVED' && path.machine.history.at(-2)?.state !== 'draining') {
      this.#failing(path, 'dead');
    }
    this.#failed.delete(path.id);
    if (death === undefined || path.closedByPeer || !isViolation(death.code)) return;
    this.#violations[death.code] = (this.#violations[death.code] ?? 0) + 1;
    const { code, message } = death;
    this.#publisher.publish('kwik:peer:violation', () => ({ ...this.#ofPath(path), code, message }));
  }

  /** A server that the primary named was not reached, or refused. */
  refused({ address, error: { code, message } }: PathRefusal): void {
    // What was under way when the session ended came to nothing because of that.
    if (this.#session.closeInfo !== undefined) return;
    this.#options.diagnostics.counters.count('refusedPaths', code);
    this.#publisher.publish('kwik:path:refused', () => ({ ...this.#ofSession(), address, code, message }));
  }

  contentStarted(streamId: StreamId, bytes: number, sources: number): void {
    this.#publisher.publish('kwik:content:started', () => ({ ...this.#ofSession(), streamId, bytes, sources }));
  }

  contentFinished(streamId: StreamId, bytes: number, error: KwikError | undefined): void {
    const result = error?.code ?? 'ok';
    this.#contents[result] = (this.#contents[result] ?? 0) + 1;
    this.#publisher.publish('kwik:content:finished', () => ({
      ...this.#ofSession(),
      streamId,
      bytes,
      ...(error !== undefined && { errorCode: error.code }),
      message: error?.message ?? '',
    }));
  }

  onEnd(info: CloseInfo): void {
    // What never opened is an attempt that failed, and told as that.
    if (this.#leave === undefined) return;
    this.#leave();
    const { counters } = this.#options.diagnostics;
    counters.count('sessionsClosed', info.by);
    this.#publisher.publish('kwik:session:closed', () => ({
      ...this.#ofSession(),
      by: info.by,
      code: info.code,
      reason: info.reason,
      ...(info.error !== undefined && { errorCode: info.error.code }),
      durationMs: this.#session.clock.now() - this.#openedAtMs,
      traffic: this.#session.paths.departed.total(),
    }));
  }

  get #publisher(): ProcessDiagnostics['publisher'] {
    return this.#options.diagnostics.publisher;
  }

  #begin(): void {
    this.#openedAtMs = this.#session.clock.now();
    const { counters } = this.#options.diagnostics;
    this.#leave = counters.add({ kind: 'session', role: this.#options.role, read: () => this.#read() });
    counters.count('sessionsOpened', this.#options.role);
    const { takenFrom } = this.#options;
    this.#publisher.publish('kwik:session:opened', () => ({
      ...this.#ofSession(),
      ...(takenFrom !== undefined && { takenFrom }),
    }));
    this.#session.paths.onChange((path) => {
      this.#publisher.publish('kwik:path:changed', () => this.#changed(path));
    }, 'state');
  }

  /** Counts once for each time that a path fails, by the first sign of it. */
  #failing(path: PathRuntime, cause: FailoverCause): void {
    const { streams, clock, closeInfo } = this.#session;
    if (this.#failed.has(path.id) || streams.size === 0 || closeInfo !== undefined) return;
    this.#failed.add(path.id);
    this.#failovers[cause] += 1;
    this.#waiting ??= { path, cause, heardMs: Math.min(path.port.transport.lastReceivedMs(), clock.now()) };
    this.#takenOver();
  }

  #takenOver(): void {
    const failing = this.#waiting;
    if (failing === undefined) return;
    const others = [...this.#session.paths.values()].some((path) => isAvailable(path.health));
    if (!others) return;
    this.#waiting = undefined;
    const { path, cause, heardMs } = failing;
    this.#publisher.publish('kwik:path:failover', () => ({
      ...this.#ofPath(path),
      cause,
      gapMs: this.#session.clock.now() - heardMs,
      reason: path.death?.message ?? this.#session.whyUnused(path),
    }));
  }

  #read(): SessionReading {
    const { sessionId, role } = this.#options;
    const { clock, streams, paths } = this.#session;
    const nowMs = clock.now();
    return {
      sessionId,
      role,
      openedAtMs: this.#openedAtMs,
      nowMs,
      streams: streams.size,
      paths: Array.from(paths.values(), (path) => path.reading(nowMs, this.#session.whyUnused(path))),
      service: this.#session.service.level,
      lost: () => this.#lost(),
      departed: paths.departed.byServer,
      counts: this.#counts(),
    };
  }

  #lost(): LostPath[] {
    const { paths } = this.#session;
    const lost = paths.infos().filter(({ id }) => !paths.has(id));
    return lost.slice(-MAX_LOST).map(({ id, address, serverId, primary, state, reason }) => {
      return { pathId: id, address, server: serverId ?? '', primary, state, reason: reason ?? '' };
    });
  }

  #counts(): Counts {
    return {
      decisions: this.#session.decisions,
      failovers: { ...this.#failovers },
      violations: { ...this.#violations },
      contents: { ...this.#contents },
    };
  }

  #ofSession(): OfSession {
    const { sessionId, role } = this.#options;
    return { sessionId, role, atMs: this.#session.clock.now() };
  }

  #ofPath({ id, address, serverId }: PathRuntime): OfPath {
    return { ...this.#ofSession(), pathId: id, address, server: serverId ?? '' };
  }

  #changed({ id, address, serverId, primary, state, reason, unused, errorCode }: PathInfo): PathChanged {
    return {
      ...this.#ofSession(),
      pathId: id,
      address,
      server: serverId ?? '',
      primary,
      state,
      reason: reason ?? unused ?? '',
      ...(errorCode !== undefined && { errorCode }),
    };
  }
}

function causeOf(health: PathHealth): FailoverCause | undefined {
  return health === 'stalled' || health === 'suspected' ? health : undefined;
}
