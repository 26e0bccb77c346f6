import type { KcpBody } from '@kwik/kcp';

/** What a path tells its session. */
export interface PathEvents<P> {
  /** The peer sent a notice or a request; `id` is what a `reply` names. Throws when the path is to end. */
  onMessage(path: P, id: bigint, body: KcpBody): void;
  onChunk(path: P, realStreamId: number, chunk: Uint8Array): void;
  onRealStreamEnd(path: P, realStreamId: number): void;
  /** Something may be sent, or has come: the engine should look. */
  onActivity(path: P): void;
  /** Something waits to be sent on the path. */
  onQueued(path: P): void;
  onStateChange(path: P): void;
  /** Its flow stopped or goes on, or it has settled in: its `health` tells, and its state is as before. */
  onStall(path: P): void;
  /** It is silent, and to be given up, and the session has no other; called again after each further silence. True: it is kept. */
  onOverdue(path: P): boolean;
  /** The path is dead; called once. */
  onDead(path: P): void;
}
