import { endByPeer } from '../control/close-message.js';
import type { PathRuntime } from '../paths/path-runtime.js';
import type { Feature } from './feature.js';
import type { SessionContext } from './session-context.js';

export interface PeerCloseOptions {
  /** There are other peers, who have to be told. */
  readonly tellOthers: boolean;
  /** A server that is not the other end of the session's streams has closed its path. */
  readonly onPathClosed?: (path: PathRuntime, reason: string) => void;
}

/** The other end of the session's streams ends the session; anybody else no more than its own path. */
export function peerClose(session: SessionContext, { tellOthers, onPathClosed }: PeerCloseOptions): Feature {
  return {
    handlers: {
      close: (path, close) => {
        if (path.data.toPeer) session.finishByPeer(endByPeer(close), tellOthers);
        else onPathClosed?.(path, close.reason);
      },
    },
  };
}
