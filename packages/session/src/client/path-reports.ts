import type { ReplyTo } from '@kwik/kcp';
import { toProtoPathState } from '@kwik/paths';
import type { proto } from '@kwik/wire';
import type { PathInfo } from '../api/session.js';
import type { ControlHandlers, Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import { isMisconduct } from '../runtime/paths/deaths.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';

/** A line for a person; the protocol allows 512 bytes. */
export const MAX_REASON_CHARACTERS = 120;
/** Paths of which a primary that is back is told; servers keep their number when they come back, so there are few. */
const MAX_TOLD_PATHS = 256;

/** A path as the primary is told of it. */
type ReportedPath = Pick<PathRuntime, 'id' | 'primary' | 'death' | 'send'>;

interface ReportingSession extends Pick<SessionContext, 'closeInfo'> {
  readonly controlPath: Pick<ReportedPath, 'send'> | undefined;
  readonly paths: {
    values(): Iterable<ReportedPath>;
    infoOf(path: ReportedPath): PathInfo;
    infos(): PathInfo[];
  };
}

/** What the primary hears of the client's paths to other servers: what they do, and what their servers did wrong. */
export class PathReports implements Feature {
  readonly #session: ReportingSession;

  readonly handlers: ControlHandlers = { listPaths: () => this.#list() };

  constructor(session: ReportingSession) {
    this.#session = session;
  }

  onPathUp(path: ReportedPath): void {
    if (this.#session.controlPath === path) this.#tellAll(path);
  }

  onPathHealth(path: ReportedPath, changed: 'state' | 'flow'): void {
    if (changed === 'state') this.#tell(path);
  }

  onPathDead(path: ReportedPath): void {
    this.#tellMisconduct(path);
    this.#tell(path);
    if (path.primary && this.#session.controlPath !== undefined) this.#tellAll(this.#session.controlPath);
  }

  #list(): ReplyTo<'listPaths'> {
    const paths = Array.from(this.#session.paths.values(), (path) => statusOf(this.#session.paths.infoOf(path)));
    return { $case: 'pathList', value: { paths } };
  }

  #tell(path: ReportedPath): void {
    if (path.primary || this.#session.closeInfo !== undefined) return;
    this.#session.controlPath?.send({ $case: 'pathStatus', value: statusOf(this.#session.paths.infoOf(path)) });
  }

  /** A secondary that was lost while the primary was away would pass for alive, and never be connected again. */
  #tellAll(primary: Pick<ReportedPath, 'send'>): void {
    for (const info of this.#session.paths.infos().slice(-MAX_TOLD_PATHS)) {
      if (!info.primary) primary.send({ $case: 'pathStatus', value: statusOf(info) });
    }
  }

  /** A server that broke the rules does not come back; it is to blame, and nobody else. */
  #tellMisconduct({ id: pathId, primary, death }: ReportedPath): void {
    // Wrong content was told of with its block.
    if (primary || death === undefined || !isMisconduct(death.code) || death.code === 'ERR_KWIK_SERVER_UNTRUSTED')
      return;
    const reason = death.message.slice(0, MAX_REASON_CHARACTERS);
    const value = { pathId, streamId: 0n, block: 0n, reason };
    this.#session.controlPath?.send({ $case: 'serverUntrusted', value });
  }
}

export function statusOf(info: PathInfo): proto.PathStatus {
  return {
    pathId: info.id,
    state: toProtoPathState(info.state),
    reason: (info.reason ?? '').slice(0, MAX_REASON_CHARACTERS),
    rttUs: Math.round(info.rttMs * 1000),
    deliveryRateBps: BigInt(Math.round(info.deliveryRateBytesPerSecond)),
    bytes: BigInt(info.receivedBytes),
    lostPackets: BigInt(info.lostPackets),
  };
}
