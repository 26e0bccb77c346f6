import type { Clock, Counts, KwikError } from '@kwik/wire';
import type { CloseInfo } from '../../api/session.js';
import type { MemoryAccount } from '../../core/costs/memory-ledger.js';
import type { SessionPolicy } from '../../core/policy/session-policy.js';
import type { UserCallbacks } from '../host/user-callbacks.js';
import type { PathRegistry } from '../paths/path-registry.js';
import type { PathRuntime, PathRuntimeEvents } from '../paths/path-runtime.js';
import type { SessionService } from './session-service.js';
import type { StreamDirectory } from '../streams/stream-directory.js';

/** The session as its features see it. What they change of streams, and send on paths, goes out without a further call. */
export interface SessionContext {
  readonly clock: Clock;
  readonly callbacks: UserCallbacks;
  /** What the session holds because of its peers. */
  readonly account: MemoryAccount;
  /** What is decided of it. */
  readonly policy: SessionPolicy;
  readonly streams: StreamDirectory;
  readonly paths: PathRegistry<PathRuntime>;
  /** How much of its service the session has. */
  readonly service: Pick<SessionService, 'level'>;
  /** For a new path of the session. */
  readonly pathEvents: PathRuntimeEvents;
  /** The path for control messages to the other end of the session's streams, while there is one. */
  readonly controlPath: PathRuntime | undefined;
  /** How the session ended, once it has. */
  readonly closeInfo: CloseInfo | undefined;
  /** Why packets went where they went, counted since the session began. */
  readonly decisions: Counts[string];
  /** Why what this end writes does not go over a path now, in words; '' when it does. */
  whyUnused(path: PathRuntime): string;
  /** A path that had its number before is dead: its state is that of this one. */
  addPath(path: PathRuntime): void;
  /** Throws ERR_KWIK_SESSION_CLOSED, or the error that ended the session. */
  assertOpen(): void;
  /** As `assertOpen`, and while the session is being closed nothing new is taken either. */
  assertTakes(): void;
  /** Something is to be planned anew: features are asked at the end of the current turn. */
  wake(): void;
  /** Nothing leads to the peer any more: a failure, unless all that was left to do was to part. */
  lost(error: KwikError): void;
  /** Ends the session with an error, which the peers are told. */
  fail(error: KwikError): void;
  /** Ends the session at this end. Idempotent. */
  finish(info: CloseInfo, tellPeers: boolean): void;
  /** The other end has ended the session; who was about to end it here has ended it, too. */
  finishByPeer(info: CloseInfo, tellPeers: boolean): void;
}
