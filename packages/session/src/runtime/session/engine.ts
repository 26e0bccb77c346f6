import type { KcpBody } from '@kwik/kcp';
import { KwikError, PRIMARY_PATH_ID, type Clock, type Counts, type PathId } from '@kwik/wire';
import type { CloseInfo } from '../../api/session.js';
import type { AccountHolder, MemoryAccount } from '../../core/costs/memory-ledger.js';
import type { DataEvent } from '../../core/data/data-events.js';
import { DataPlane, type DataPlaneOptions } from '../../core/data/data-plane.js';
import type { RangeSink } from '../../core/data/range-sink.js';
import { closeOf } from '../control/close-message.js';
import { SessionService } from '../features/session-service.js';
import { ControlDispatch } from '../features/control-dispatch.js';
import { FeatureSet } from '../features/feature-set.js';
import type { Feature } from '../features/feature.js';
import type { SessionContext } from '../features/session-context.js';
import { earlierTime } from '../waiting/earlier-time.js';
import { Farewell, farewellHostOf } from './farewell.js';
import { SessionEnd } from './session-end.js';
import { PacketSender, type PacketSenderOptions } from '../turn/packet-sender.js';
import { askOthers, tellAlone } from '../paths/other-paths.js';
import { PathRegistry } from '../paths/path-registry.js';
import type { PathRuntime, PathRuntimeEvents } from '../paths/path-runtime.js';
import { DatagramChannel } from '../datagrams/datagram-channel.js';
import type { SessionHost } from '../host/session-host.js';
import { StreamDirectory, type StreamSession } from '../streams/stream-directory.js';
import { Turn, type TurnSteps } from '../turn/turn.js';

/** Shown each engine before its first path: simulations watch the bounds that it keeps. */
export type EngineProbe = (engine: SessionEngine) => void;

/** What a session consists of besides its streams and paths. */
export interface Composition {
  readonly features: readonly Feature[];
}

export interface EngineOptions {
  readonly plane: Omit<DataPlaneOptions, 'account' | 'rangeSink' | 'allowsCopies'>;
  readonly sending: PacketSenderOptions;
  readonly clock: Clock;
  readonly host: SessionHost;
  readonly sessionId: string;
  /** Whose session it is, where what is scarce is shared. Default: nobody else's. */
  readonly holder?: AccountHolder;
  readonly probe?: EngineProbe | undefined;
  /** Features besides those of the composition. */
  readonly features?: ((session: SessionContext) => readonly Feature[]) | undefined;
}

/** Runs a session at one end: feeds the data plane from the paths, and the paths from the data plane. */
export class SessionEngine<C extends Composition = Composition> implements PathRuntimeEvents, SessionContext {
  readonly clock: Clock;
  /** Nobody else has it: whatever changes it wakes the session as well. */
  readonly #plane: DataPlane;
  readonly callbacks: SessionContext['callbacks'];
  /** What the session holds because of its peers. */
  readonly account: MemoryAccount;
  readonly policy: SessionContext['policy'];
  readonly paths: PathRegistry<PathRuntime>;
  readonly service: SessionService;
  readonly #sender: PacketSender;
  readonly streams: StreamDirectory;
  readonly datagrams: DatagramChannel;
  /** What `compose` made, for whoever made the engine. */
  readonly parts: C;
  readonly #features: FeatureSet;
  readonly #control: ControlDispatch;
  readonly #end = new SessionEnd();
  readonly #turn: Turn;
  #planAtMs: number | undefined;

  /** `compose` makes the features; it may keep the session, and ask nothing of it yet. */
  constructor(options: EngineOptions, compose: (session: SessionContext) => C) {
    const { plane, sending, clock, host, sessionId } = options;
    this.clock = clock;
    this.callbacks = host.callbacks;
    this.paths = new PathRegistry(clock, host.callbacks, (path) => this.#sender.whyUnused(path));
    this.policy = host.policy.session(sessionId);
    this.service = new SessionService(this);
    this.account = host.memory.open(
      (error) => this.#overdrawn(error),
      (error) => this.#plane.waste.relieve(error),
      options.holder,
    );
    const rangeSink: RangeSink = { handleRange: (...range) => this.#features.onRange(...range) };
    const around = { account: this.account, rangeSink, allowsCopies: () => this.policy.limits.copies };
    this.#plane = new DataPlane({ ...plane, ...around });
    this.#sender = new PacketSender(this.#plane, this.paths, sending);
    this.#turn = new Turn(clock, this.#turnSteps());
    this.streams = new StreamDirectory(this.#plane, this.#streamSession());
    this.datagrams = new DatagramChannel(this.#plane.datagrams, {
      clock,
      isEnd: plane.role !== 'secondary',
      assertTakes: () => this.assertTakes(),
      onQueued: () => this.#turn.onQueued(),
    });
    this.parts = compose(this);
    const all = [...this.parts.features, ...(options.features?.(this) ?? []), this.service];
    this.#features = new FeatureSet(all);
    this.#control = new ControlDispatch(plane.role === 'client' ? 'client' : 'server', all);
    options.probe?.(this);
  }

  get pathEvents(): PathRuntimeEvents {
    return this;
  }

  get decisions(): Counts[string] {
    return this.#sender.decisions.counts;
  }

  whyUnused(path: PathRuntime): string {
    return this.#sender.whyUnused(path) ?? '';
  }

  get closed(): Promise<CloseInfo> {
    return this.#end.closed;
  }

  get closeInfo(): CloseInfo | undefined {
    return this.#end.info;
  }

  /** This end was about to end it, or has, whatever the other end has said since. */
  get parting(): boolean {
    return this.#end.farewell !== undefined;
  }

  /** A path that had its number before is dead: its state is that of this one. */
  addPath(path: PathRuntime): void {
    path.join(this.#plane);
    this.paths.add(path);
    tellAlone(this.paths);
    this.paths.tell(path.id);
    this.#features.onPathUp(path);
    path.start();
    this.wake();
  }

  /** The path for control messages to the other end of the session's streams, while there is one. */
  get controlPath(): PathRuntime | undefined {
    const best = this.#plane.defaultPath;
    return best === undefined ? undefined : this.paths.get(best.id);
  }

  /** Looks after everything at once: the process is about to end, and there is no further turn. */
  runNow(): void {
    this.#turn.run();
  }

  /** Looks after everything at the end of the current turn. */
  wake(): void {
    this.#turn.wake();
  }

  // --- End ---

  assertOpen(): void {
    this.#end.assertOpen();
  }

  assertTakes(): void {
    this.#end.assertTakes();
  }

  /**
   * Ends the session at this end when the peer has what was written, or after `timeoutMs`; 0: at once. Resolves when it has
   * ended, for whatever reason.
   */
  async close(info: CloseInfo, timeoutMs: number): Promise<void> {
    const { farewell } = this.#end;
    if (timeoutMs <= 0) this.finish(farewell?.info ?? info, true);
    else if (this.#end.info === undefined && farewell === undefined) {
      this.#end.part(new Farewell(info, timeoutMs, farewellHostOf(this, info)));
      this.streams.stopTaking();
      this.wake();
    }
    await this.closed;
  }

  /** Ends the session at this end. Idempotent. */
  finish(info: CloseInfo, tellPeers: boolean): void {
    // What has come is the application's, also after the end. What it brings may end the session itself.
    if (this.#end.info === undefined) this.#dispatchEvents();
    if (this.#end.info !== undefined) return;
    const last = this.#end.heard ?? { info, tellPeers };
    this.#end.come(last.info);
    this.paths.tellNoMore();
    this.#turn.stop();
    for (const path of [...this.paths.values()]) {
      if (last.tellPeers) path.send(closeOf(last.info));
      path.die(new KwikError('ERR_KWIK_SESSION_CLOSED', last.info.reason === '' ? 'session closed' : last.info.reason));
    }
    this.account.close();
    this.streams.wakeAll();
    this.datagrams.onEnd();
    this.#features.onEnd(last.info);
    this.#end.tell();
  }

  /** The other end has ended the session; what came with its word, on streams that are read after it, is read first. */
  finishByPeer(info: CloseInfo, tellPeers: boolean): void {
    this.#end.hear(info, tellPeers);
    this.wake();
  }

  #finishIfHeard(): void {
    const { heard } = this.#end;
    if (heard !== undefined) this.finish(heard.info, heard.tellPeers);
  }

  /** Nothing leads to the peer any more: a failure, unless all that was left to do was to part. */
  lost(error: KwikError): void {
    const { farewell } = this.#end;
    if (farewell?.isLastWord === true) this.finish(farewell.info, false);
    else this.fail(error);
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

  onMessage(path: PathRuntime, id: bigint, body: KcpBody): void {
    this.#control.dispatch(path, id, body);
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
    this.#plane.setHealth(path.id, path.health, this.clock.now());
    if (path.health === 'stalled') {
      path.ask();
      askOthers(this.paths, path);
    }
    this.#features.onPathHealth(path, 'flow');
    this.wake();
  }

  onStateChange(path: PathRuntime): void {
    this.#plane.setHealth(path.id, path.health, this.clock.now());
    if (path.health === 'suspected') askOthers(this.paths, path);
    this.paths.tell(path.id);
    this.#features.onPathHealth(path, 'state');
    this.wake();
  }

  onOverdue(path: PathRuntime): boolean {
    return this.#features.keepsOverdue(path);
  }

  onDead(path: PathRuntime): void {
    if (!this.paths.remove(path)) return;
    this.#finishIfHeard();
    tellAlone(this.paths);
    this.#plane.removePath(path.id);
    if (this.#end.info !== undefined) return;
    this.paths.tell(path.id);
    this.#features.onPathDead(path);
    this.wake();
  }

  #streamSession(): StreamSession {
    const pathId = (): PathId => this.controlPath?.id ?? PRIMARY_PATH_ID;
    const over = (): boolean => this.#end.info !== undefined;
    return {
      get pathId() {
        return pathId();
      },
      get over() {
        return over();
      },
      assertOpen: () => this.assertOpen(),
      assertTakes: () => this.assertTakes(),
      sendContent: (...content) => this.#features.sendContent(...content),
      closeSource: (source) => this.callbacks.call('close of a source', () => source?.close?.()),
      onQueued: () => this.#turn.onQueued(),
      onOpenedHere: (stream) => this.#features.onStreamOpened(stream),
    };
  }

  #turnSteps(): TurnSteps {
    return {
      prepare: (now) => {
        this.#dispatchEvents();
        this.#finishIfHeard();
        if (this.#end.info === undefined) this.#planAtMs = this.#features.plan(now);
      },
      send: (now) => {
        const more = this.#send(now);
        this.#dispatchEvents();
        if (this.#end.farewell?.check() === 'over') return;
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
        this.streams.onOpened(event.stream, this.clock.now());
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
      case 'datagram':
        this.datagrams.onReceived(event.data);
        return;
      case 'raw':
        this.#features.onRawPacket({ data: event.data, pathId: event.pathId, from: event.from });
        return;
      case 'doubtful':
        this.paths.get(event.pathId)?.ask();
        return;
      case 'violation':
        this.paths.get(event.pathId)?.die(event.error);
        return;
    }
  }

  /** When there is something to be planned or sent, whatever the paths' signs of life say. */
  #workAtMs(): number {
    // An acknowledgement that is due on a path whose stream is full would have the timer fire again and again.
    const planeAtMs = this.#plane.nextTimeoutMs((id) => this.paths.get(id)?.port.pool.backlogged === false);
    return earlierTime(earlierTime(this.#planAtMs, this.#sender.askAgainAtMs), planeAtMs) ?? Number.POSITIVE_INFINITY;
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
