import type { ControlEvent } from '@kwik/kcp';
import type { PathMachine } from '@kwik/paths';
import { KwikError, PRIMARY_PATH_ID, toPathId, type Clock, type PathId } from '@kwik/wire';
import type { CloseInfo, PathInfo, ReplicaSource } from '../../api/session.js';
import type { MemoryAccount } from '../../core/costs/memory-ledger.js';
import type { DataEvent } from '../../core/data/data-events.js';
import { DataPlane, type DataPlaneOptions } from '../../core/data/data-plane.js';
import type { StreamState } from '../../core/streams/stream-state.js';
import { closeOf } from './close.js';
import { earliest } from '../waiting/earliest.js';
import { Farewell, type FarewellHost } from './farewell.js';
import { PacketSender, type PacketSenderOptions } from '../turn/packet-sender.js';
import { PathHistory } from '../paths/path-history.js';
import type { PathRuntime, PathRuntimeEvents } from '../paths/path-runtime.js';
import { RawQueue } from './raw-queue.js';
import type { SessionHost } from '../host/session-host.js';
import { StreamDirectory, type StreamSession } from '../streams/stream-directory.js';
import type { StreamHandle } from '../streams/stream-handle.js';
import { Turn, type TurnSteps } from '../turn/turn.js';
import type { UserCallbacks } from '../host/user-callbacks.js';

/** What differs between the ends: how control messages are answered, and what is planned before sending. */
export interface EngineRole {
  onControlEvent(path: PathRuntime, event: ControlEvent): void;
  onPathState(path: PathRuntime): void;
  /** The flow of a path stopped or goes on, or the path has settled in. */
  onPathStall(): void;
  /** A path carries data from now on. */
  onPathUp(path: PathRuntime): void;
  /** A path died. Return an error when the session cannot go on without it. */
  onPathDead(path: PathRuntime): KwikError | undefined;
  /** Called before packets are built; may queue messages. Returns when it wants to be called again at the latest. */
  plan(now: number): number | undefined;
  onStreamOpenedLocally(stream: StreamState): void;
  /** `sendFrom` of a stream. */
  sendContent(handle: StreamHandle, key: string, source: ReplicaSource): Promise<void>;
}

/** Shown each engine before its first path: simulations watch the bounds that it keeps. */
export type EngineProbe = (engine: SessionEngine) => void;

/** Runs a session at one end: feeds the data plane from the paths, and the paths from the data plane. */
export class SessionEngine implements PathRuntimeEvents {
  readonly clock: Clock;
  /** Nobody else has it: whatever changes it wakes the session as well. */
  readonly #plane: DataPlane;
  readonly callbacks: UserCallbacks;
  /** What the session holds because of its peers. */
  readonly account: MemoryAccount;
  readonly paths = new Map<PathId, PathRuntime>();
  readonly history: PathHistory;
  readonly #sender: PacketSender;
  readonly streams: StreamDirectory;
  readonly rawQueue = new RawQueue();
  readonly closed: Promise<CloseInfo>;
  #resolveClosed!: (info: CloseInfo) => void;
  #closeInfo: CloseInfo | undefined;
  #farewell: Farewell | undefined;
  #role!: EngineRole;
  readonly #turn: Turn;
  #planAtMs: number | undefined;

  constructor(options: DataPlaneOptions, sending: PacketSenderOptions, clock: Clock, host: SessionHost) {
    this.clock = clock;
    this.callbacks = host.callbacks;
    this.history = new PathHistory(host.callbacks);
    this.account = host.memory.open((error) => this.#overdrawn(error));
    this.#plane = new DataPlane({ ...options, account: this.account });
    this.#sender = new PacketSender(this.#plane, this.paths, sending);
    this.#turn = new Turn(clock, this.#turnSteps());
    this.streams = new StreamDirectory(this.#plane, this.#streamSession());
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
  }

  /** Completes the engine; before this nothing may be asked of it. */
  attachRole(role: EngineRole): void {
    this.#role = role;
  }

  get closeInfo(): CloseInfo | undefined {
    return this.#closeInfo;
  }

  /** A path that had its number before is dead: its state is that of this one. */
  addPath(path: PathRuntime): void {
    path.join(this.#plane);
    this.paths.set(path.id, path);
    this.#tellAlone();
    this.notifyPathInfo(path.info(), path.machine);
    path.start();
    this.#role.onPathUp(path);
    this.wake();
  }

  /** The path for control messages to the other end of the session's streams, while there is one. */
  get controlPath(): PathRuntime | undefined {
    const best = this.#plane.defaultPath;
    return best === undefined ? undefined : this.paths.get(best.id);
  }

  /** Looks after everything at the end of the current turn. */
  wake(): void {
    this.#turn.wake();
  }

  // --- Paths ---

  onPathChange(listener: (path: PathInfo) => void): () => void {
    return this.history.onChange(listener);
  }

  /** Throws ERR_KWIK_PATH_NOT_FOUND, or ERR_KWIK_PATH_DEAD with the reason. */
  requirePath(id: number): PathRuntime {
    const path = this.paths.get(toPathId(id));
    if (path !== undefined) return path;
    const past = this.history.get(toPathId(id));
    throw past === undefined
      ? new KwikError('ERR_KWIK_PATH_NOT_FOUND', `the session has no path ${id}`)
      : new KwikError(
          'ERR_KWIK_PATH_DEAD',
          `path ${id} to ${past.address} is ${past.state}: ${past.reason ?? 'closed'}`,
        );
  }

  pathInfos(): PathInfo[] {
    for (const path of this.paths.values()) this.history.update(path.info());
    return this.history.all();
  }

  notifyPathInfo(info: PathInfo, machine?: PathMachine): void {
    this.history.update(info, machine);
    this.history.tell(info);
  }

  // --- End ---

  assertOpen(): void {
    const info = this.#closeInfo;
    if (info === undefined) return;
    const why = info.reason === '' ? '' : `: ${info.reason}`;
    if (info.by === 'error' && info.error !== undefined) {
      throw new KwikError(info.error.code, info.error.message, { cause: info.error });
    }
    throw new KwikError('ERR_KWIK_SESSION_CLOSED', `the session is closed by ${info.by}${why}`, { cause: info.error });
  }

  /** As `assertOpen`, and while the session is being closed nothing new is taken either. */
  assertTakes(): void {
    this.assertOpen();
    if (this.#farewell === undefined) return;
    throw new KwikError('ERR_KWIK_SESSION_CLOSED', 'the session is being closed here; it takes nothing new');
  }

  /**
   * Ends the session at this end when the peer has what was written, or after `timeoutMs`; 0: at once. Resolves when it has
   * ended, for whatever reason.
   */
  async close(info: CloseInfo, timeoutMs: number): Promise<void> {
    if (timeoutMs <= 0) this.finish(this.#farewell?.info ?? info, true);
    else if (this.#closeInfo === undefined && this.#farewell === undefined) {
      this.#farewell = new Farewell(info, timeoutMs, this.#farewellHost());
      this.streams.stopTaking();
      this.wake();
    }
    await this.closed;
  }

  /** Ends the session at this end. Idempotent. */
  finish(info: CloseInfo, tellPeers: boolean): void {
    if (this.#closeInfo !== undefined) return;
    // What has come is the application's, also after the end.
    this.#dispatchEvents();
    this.#farewell?.end();
    this.#closeInfo = info;
    this.#turn.stop();
    for (const path of [...this.paths.values()]) {
      if (tellPeers) path.send(closeOf(info));
      path.die(new KwikError('ERR_KWIK_SESSION_CLOSED', info.reason === '' ? 'session closed' : info.reason));
    }
    this.account.close();
    this.streams.wakeAll();
    this.rawQueue.end();
    this.#resolveClosed(info);
  }

  /** The other end has ended the session; who was about to end it here has ended it, too. */
  finishByPeer(info: CloseInfo, tellPeers: boolean): void {
    const own = this.#farewell?.info;
    this.finish(own !== undefined && info.error === undefined ? own : info, tellPeers);
  }

  fail(error: KwikError): void {
    this.finish({ by: 'error', code: error.wireNumber, reason: error.message, error }, true);
  }

  /** The session held too much: nobody gets to read that any more. */
  #overdrawn(error: KwikError): void {
    this.fail(error);
    this.#plane.streams.releaseBuffers();
  }

  // --- What paths tell ---

  onControlEvent(path: PathRuntime, event: ControlEvent): void {
    this.#role.onControlEvent(path, event);
  }

  onChunk(path: PathRuntime, realStreamId: number, chunk: Uint8Array): void {
    this.#plane.handleChunk(path.id, realStreamId, chunk, this.clock.now());
  }

  onRealStreamEnd(path: PathRuntime, realStreamId: number): void {
    this.#plane.handleRealStreamEnd(path.id, realStreamId);
  }

  onActivity(): void {
    this.#turn.wake();
  }

  onQueued(): void {
    this.#turn.onQueued();
  }

  onStall(path: PathRuntime): void {
    this.#setHealth(path);
    if (path.health === 'stalled') {
      path.ask();
      this.#askOthers(path);
    }
    this.#role.onPathStall();
    this.wake();
  }

  onStateChange(path: PathRuntime): void {
    this.#setHealth(path);
    if (path.health === 'suspected') this.#askOthers(path);
    this.#notifyPath(path);
    this.#role.onPathState(path);
    this.wake();
  }

  onDead(path: PathRuntime): void {
    if (this.paths.get(path.id) !== path) return;
    this.paths.delete(path.id);
    this.#tellAlone();
    this.#plane.removePath(path.id);
    if (this.#closeInfo !== undefined) {
      this.history.update(path.info());
      return;
    }
    this.#notifyPath(path);
    const fatal = this.#role.onPathDead(path);
    if (fatal !== undefined) this.#lost(fatal);
    this.wake();
  }

  #tellAlone(): void {
    for (const path of this.paths.values()) path.alone = this.paths.size === 1;
  }

  #setHealth({ id, health }: PathRuntime): void {
    this.#plane.setHealth(id, health);
  }

  /** Paths often fail together, and an idle one would take what the first owed before it is noticed. */
  #askOthers(suspected: PathRuntime): void {
    for (const path of this.paths.values()) if (path !== suspected && path.health !== 'suspected') path.ask();
  }

  #notifyPath(path: PathRuntime): void {
    this.notifyPathInfo(path.info());
  }

  /** Nothing leads to the peer any more: a failure, unless all that was left to do was to part. */
  #lost(error: KwikError): void {
    if (this.#farewell?.isLastWord === true) this.finish(this.#farewell.info, false);
    else this.fail(error);
  }

  #farewellHost(): FarewellHost {
    return {
      schedule: (delayMs, action) => this.clock.schedule(delayMs, action),
      undelivered: () => this.streams.undelivered,
      paths: () => [...this.paths.values()].filter(({ data }) => data.owner),
      finish: () => this.finish(this.#farewell!.info, true),
    };
  }

  #streamSession(): StreamSession {
    const pathId = (): PathId => this.controlPath?.id ?? PRIMARY_PATH_ID;
    const over = (): boolean => this.#closeInfo !== undefined;
    return {
      get pathId() {
        return pathId();
      },
      get over() {
        return over();
      },
      assertOpen: () => this.assertOpen(),
      assertTakes: () => this.assertTakes(),
      sendContent: (handle, key, source) => this.#role.sendContent(handle, key, source),
      onQueued: () => this.#turn.onQueued(),
      onOpenedHere: (stream) => this.#role.onStreamOpenedLocally(stream),
    };
  }

  #turnSteps(): TurnSteps {
    return {
      prepare: (now) => {
        this.#dispatchEvents();
        this.#planAtMs = this.#role.plan(now);
      },
      send: (now) => {
        const more = this.#send(now);
        this.#dispatchEvents();
        if (this.#farewell?.check() === 'over') return;
        if (more) this.#turn.again();
      },
      handleTimeout: (now) => this.#handleTimeout(now),
      nextTimeoutMs: () => this.#nextTimeoutMs(),
      failed: (error) => this.fail(KwikError.from(error, 'ERR_KWIK_INTERNAL')),
    };
  }

  #send(now: number): boolean {
    try {
      return this.#sender.run(now);
    } catch (error) {
      // Only a scheduler can throw here: what a path throws ends that path.
      this.fail(KwikError.from(error, 'ERR_KWIK_INTERNAL'));
      return false;
    }
  }

  #dispatchEvents(): void {
    for (;;) {
      const event = this.#plane.nextEvent();
      if (event === undefined) return;
      this.#dispatch(event);
    }
  }

  #dispatch(event: DataEvent): void {
    switch (event.kind) {
      case 'opened':
        this.streams.onOpened(event.stream);
        return;
      case 'readable':
      case 'writable':
      case 'flushed':
        this.streams.wake(event.streamId);
        return;
      case 'gone':
        this.streams.forget(event.streamId);
        return;
      case 'failed':
        this.streams.fail(event.streamId, event.error);
        return;
      case 'credit':
        this.streams.onCredit();
        return;
      case 'raw':
        this.rawQueue.push({ data: event.data, pathId: event.pathId, from: event.from });
        return;
      case 'violation':
        this.paths.get(event.pathId)?.die(event.error);
        return;
    }
  }

  /** When there is something to be planned or sent, whatever the paths' signs of life say. */
  #workAtMs(): number {
    // An acknowledgement that is due on a path whose stream is full would have the timer fire again and again.
    const planeAtMs = this.#plane.nextTimeoutMs((id) => this.paths.get(id)?.port.pool.congested === false);
    return earliest(earliest(this.#planAtMs, this.#sender.askAgainAtMs), planeAtMs) ?? Number.POSITIVE_INFINITY;
  }

  #nextTimeoutMs(): number {
    let next = this.#workAtMs();
    for (const path of this.paths.values()) next = Math.min(next, path.nextTimeoutMs() ?? Number.POSITIVE_INFINITY);
    return next;
  }

  #handleTimeout(now: number): void {
    for (const path of [...this.paths.values()]) {
      try {
        path.handleTimeout(now);
      } catch (error) {
        path.die(KwikError.from(error));
      }
    }
    // Of very many sessions most do nothing at most times, and then that must cost next to nothing.
    if (this.#workAtMs() > now && [...this.paths.values()].every((path) => path.resting)) this.#turn.arm();
    else this.#turn.run();
  }
}
