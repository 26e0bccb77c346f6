import { errorToDetail, type ControlEvent } from '@kwik/kcp';
import { KwikError, proto, toStreamId, type TimerHandle } from '@kwik/wire';
import type { ReplicaSource } from '../api/session.js';
import { endByPeer } from '../runtime/session/close.js';
import { announceStreams, isRecoverable, streamOpened } from '../runtime/session/recovery.js';
import type { StreamState } from '../core/streams/stream-state.js';
import type { EngineRole, SessionEngine } from '../runtime/session/engine.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import type { PendingReplies } from '../runtime/control/pending-replies.js';
import { unsupported } from '../runtime/control/unsupported.js';
import type { StreamHandle } from '../runtime/streams/stream-handle.js';
import type { ContentSender } from './content-sender.js';
import type { ContentServer } from './content-server.js';
import type { PathCommander } from './path-commander.js';

export interface ServerRoleParts {
  /** How long the session waits for its client to come back, milliseconds; 0 at a secondary. */
  readonly recoveryMs: number;
  readonly content: ContentServer;
  readonly replies: PendingReplies;
  /** Absent at a secondary. */
  readonly sender?: ContentSender;
  readonly commander?: PathCommander;
}

/** How a server answers its client. */
export class ServerRole implements EngineRole {
  readonly #engine: SessionEngine;
  readonly #parts: ServerRoleParts;
  /** The client removes this path, and waits for what is under way. */
  #draining = false;
  /** Runs while the client is away. */
  #away: TimerHandle | undefined;

  constructor(engine: SessionEngine, parts: ServerRoleParts) {
    this.#engine = engine;
    this.#parts = parts;
    void engine.closed.then(({ reason }) => {
      this.#away?.cancel();
      const why = reason === '' ? 'the session is closed' : `the session is closed: ${reason}`;
      parts.replies.failAll(undefined, new KwikError('ERR_KWIK_SESSION_CLOSED', why));
    });
  }

  sendContent(handle: StreamHandle, key: string, source: ReplicaSource): Promise<void> {
    const sender = this.#parts.sender;
    if (sender === undefined) {
      return Promise.reject(new KwikError('ERR_KWIK_INVALID_STATE', 'sendFrom is for the primary of a session'));
    }
    return sender.send(handle, key, source);
  }

  plan(): number | undefined {
    if (this.#draining) this.#finishDraining();
    this.#parts.content.refill();
    return undefined;
  }

  onStreamOpenedLocally(stream: StreamState): void {
    this.#engine.controlPath?.send(streamOpened(stream));
  }

  onPathState(): void {
    // The client knows the state of its paths itself.
  }

  onPathStall(): void {
    // What it owes is sent on others by the data plane.
  }

  /** What was said on a path that was lost may not have been heard. */
  onPathUp(path: PathRuntime): void {
    this.#away?.cancel();
    this.#away = undefined;
    announceStreams(this.#engine, path, 'server');
    this.#parts.sender?.resume();
  }

  onPathDead(path: PathRuntime): KwikError | undefined {
    const error = path.death ?? new KwikError('ERR_KWIK_PATH_DEAD');
    this.#parts.replies.failAll(path, error);
    const { recoveryMs, sender } = this.#parts;
    sender?.pathLost();
    const other = this.#engine.controlPath;
    if (other !== undefined) announceStreams(this.#engine, other, 'server');
    if (this.#engine.paths.size > 0) return undefined;
    if (recoveryMs === 0 || !isRecoverable(error)) return error;
    this.#away = this.#engine.clock.schedule(recoveryMs, () => {
      const reason = `the client did not come back in ${recoveryMs} ms: ${error.message}`;
      this.#engine.fail(new KwikError('ERR_KWIK_NO_PATH', reason, { cause: error }));
    });
    return undefined;
  }

  onControlEvent(path: PathRuntime, event: ControlEvent): void {
    if (this.#parts.replies.handle(path, event) || event.kind !== 'message') return;
    const { body, id } = event;
    switch (body.$case) {
      case 'rangeRequest':
        this.#parts.content.request(path, body.value);
        return;
      case 'rangeCancel':
        this.#parts.content.cancel(path, body.value);
        return;
      case 'contentEnd':
        this.#parts.sender?.ended(body.value);
        if (this.#parts.sender === undefined) this.#parts.content.end(toStreamId(body.value.streamId));
        return;
      case 'contentProgress':
        this.#parts.sender?.progress(body.value);
        return;
      case 'pathStatus':
        this.#onPathStatus(body.value);
        return;
      case 'serverUntrusted':
        this.#parts.commander?.untrusted(body.value);
        return;
      case 'streamOpened':
        if (this.#parts.sender !== undefined) this.#engine.streams.announced(toStreamId(body.value.streamId));
        return;
      case 'ping':
        path.reply(id, { $case: 'pong', value: { sequence: body.value.sequence } });
        return;
      case 'close':
        this.#engine.finishByPeer(endByPeer(body.value), false);
        return;
      case 'addPath':
      case 'removePath':
        path.reply(id, {
          $case: 'error',
          value: errorToDetail(new KwikError('ERR_KWIK_PERMISSION_DENIED', 'a client commands no paths')),
        });
        return;
      default:
        unsupported(path, id, body);
        return;
    }
  }

  #onPathStatus(status: proto.PathStatus): void {
    if (this.#parts.commander !== undefined) this.#parts.commander.status(status);
    else if (status.state === proto.PathState.DRAINING) this.#draining = true;
  }

  /** A secondary that is being removed goes when all that it had to say has arrived. */
  #finishDraining(): void {
    for (const { send, supply } of this.#engine.streams.values()) {
      if (send?.flushed === false || supply?.hasData === true) return;
    }
    for (const path of this.#engine.paths.values()) if (path.data.sent.count > 0) return;
    this.#engine.finish({ by: 'peer', code: 0, reason: 'the primary removed this path' }, true);
  }
}
