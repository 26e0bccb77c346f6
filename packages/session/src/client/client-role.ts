import { errorToDetail, type ClientHandshakeResult, type ControlEvent, type KcpBody } from '@kwik/kcp';
import { toProtoPathState } from '@kwik/paths';
import { KwikError, PRIMARY_PATH_ID, proto, toPathId, toStreamId, type PathId, type TimerHandle } from '@kwik/wire';
import { errorFromDetail } from '@kwik/kcp';
import type { PathInfo } from '../api/session.js';
import type { StreamState } from '../core/streams/stream-state.js';
import type { EngineRole, SessionEngine } from '../runtime/session/engine.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import { endByPeer } from '../runtime/session/close.js';
import { announceStreams, isMisconduct, streamOpened } from '../runtime/session/recovery.js';
import type { ContentClient } from './content-client.js';
import { unsupported } from '../runtime/control/unsupported.js';
import { answerGrant } from './contribution-grants.js';
import { requireSender } from './message-senders.js';
import { RawRelay, type RawRelayLimits } from './raw-relay.js';
import { FIRST_CLIENT_PATH_ID } from '../limits.js';
import type { PrimaryPaths } from './primary-paths.js';

/** Paths that a session may have had in its life. */
const MAX_PATH_IDS = 65_536;
/** A line for a person; the protocol allows 512 bytes. */
const MAX_REASON_CHARACTERS = 120;
/** However long the primary wants to wait for a path that it removes. */
const MAX_DRAIN_MS = 60_000;
/** Paths of which a primary that is back is told; servers keep their number when they come back, so there are few. */
const MAX_TOLD_PATHS = 256;

export interface ClientRoleOptions {
  readonly maxPaths: number;
  readonly raw: RawRelayLimits;
  readonly primaryPaths: PrimaryPaths;
  /** Milliseconds since 1970, for what peers are told of times. */
  readonly wallClockMs: () => number;
  /**
   * Dials and joins; resolves with the established path. `primary`: the numeric address of who commands it. `onOpening`: the
   * server is reached, and has been asked. Rejects with what the primary may know.
   */
  joinPath(
    command: proto.AddPath,
    primary: string,
    onOpening: (path: OpeningPath) => void,
  ): Promise<{ path: PathRuntime; result: ClientHandshakeResult }>;
}

/** A path whose server has not answered the hello: what it is sent meanwhile saves a round trip. */
export interface OpeningPath {
  readonly id: PathId;
  readonly rttMs: number;
  send(body: KcpBody): void;
}

type Join = ReturnType<ClientRoleOptions['joinPath']>;

/** How a client answers its servers. Only the primary commands paths and opens streams. */
export class ClientRole implements EngineRole {
  readonly #engine: SessionEngine;
  readonly #content: ContentClient;
  readonly #options: ClientRoleOptions;
  /** Numbers of paths that are being joined or were. */
  readonly #usedPathIds = new Set<number>([PRIMARY_PATH_ID]);
  readonly #draining = new Map<PathId, { readonly timer: TimerHandle; done(): void }>();
  /** Paths to other servers that are being joined, or have been and live. */
  readonly #joins = new Map<number, Join>();
  #joining = 0;
  readonly #raw: RawRelay;

  constructor(engine: SessionEngine, content: ContentClient, options: ClientRoleOptions) {
    this.#engine = engine;
    this.#content = content;
    this.#options = options;
    this.#raw = new RawRelay(options.raw);
    void engine.closed.then(() => {
      for (const { timer } of this.#draining.values()) timer.cancel();
      this.#draining.clear();
    });
  }

  sendContent(): Promise<void> {
    return Promise.reject(new KwikError('ERR_KWIK_INVALID_STATE', 'sendFrom is for primary servers; a client writes'));
  }

  get primary(): PathRuntime | undefined {
    const path = this.#engine.controlPath;
    return path?.primary === true ? path : undefined;
  }

  plan(now: number): number | undefined {
    return this.#content.plan(now);
  }

  onStreamOpenedLocally(stream: StreamState): void {
    this.primary?.send(streamOpened(stream));
  }

  onPathState(path: PathRuntime): void {
    this.#content.touch();
    this.#tellStatus(path);
  }

  onPathStall(): void {
    this.#content.touch();
  }

  onPathUp(path: PathRuntime): void {
    if (!path.primary) return;
    this.#content.addPath(path);
    if (this.primary === path) this.#tellAgain(path);
  }

  onPathDead(path: PathRuntime): KwikError | undefined {
    this.#joins.delete(path.id);
    this.#drained(path.id);
    this.#content.removePath(path.id, false);
    this.#raw.forget(path.id);
    this.#tellMisconduct(path);
    this.#tellStatus(path);
    const other = path.primary ? this.primary : undefined;
    if (other !== undefined) this.#tellAgain(other);
    return path.primary ? this.#options.primaryPaths.lost(path) : undefined;
  }

  onControlEvent(path: PathRuntime, event: ControlEvent): void {
    if (event.kind !== 'message') return;
    const { body, id } = event;
    requireSender(path, body.$case);
    switch (body.$case) {
      case 'contentDigests':
      case 'contentStart':
      case 'contentEnd':
      case 'streamOpened':
      case 'contributionGrant':
      case 'addPath':
      case 'removePath':
      case 'listPaths':
        this.#onPrimary(path, id, body);
        return;
      case 'rangeRefused':
        this.#content.refused(path, body.value);
        return;
      case 'rawPacket':
        this.#relayRaw(path, id, body.value);
        return;
      case 'ping':
        path.reply(id, { $case: 'pong', value: { sequence: body.value.sequence } });
        return;
      case 'close':
        this.#onClose(path, body.value);
        return;
      default:
        unsupported(path, id, body);
        return;
    }
  }

  #onPrimary(path: PathRuntime, id: bigint, body: KcpBody): void {
    switch (body.$case) {
      case 'contentStart':
        this.#content.start(path, body.value);
        return;
      case 'contentDigests':
        this.#content.digests(body.value);
        return;
      case 'contentEnd': {
        const detail = body.value.error;
        const error = detail === undefined ? new KwikError('ERR_KWIK_CONTENT_UNAVAILABLE') : errorFromDetail(detail);
        this.#content.ended(body.value, error);
        return;
      }
      case 'streamOpened':
        this.#engine.streams.announced(toStreamId(body.value.streamId));
        return;
      case 'contributionGrant':
        path.reply(id, answerGrant(this.#engine.streams, body.value));
        return;
      case 'addPath':
        void this.#addPath(path, id, body.value);
        return;
      case 'removePath':
        this.#removePath(path, id, body.value);
        return;
      case 'listPaths': {
        const paths = [...this.#engine.paths.values()].map((known) => statusOf(known.info()));
        path.reply(id, { $case: 'pathList', value: { paths } });
        return;
      }
      default:
        return;
    }
  }

  async #addPath(path: PathRuntime, id: bigint, command: proto.AddPath): Promise<void> {
    const answer = (result: Partial<proto.AddPathResult>): void => {
      const value = {
        pathId: command.pathId,
        accepted: false,
        rttUs: 0,
        serverId: '',
        capabilities: [],
        error: undefined,
      };
      path.reply(id, { $case: 'addPathResult', value: { ...value, ...result } });
    };
    try {
      const pathId = toPathId(command.pathId);
      // A primary that lost its path asks again, and the first answer may have been lost with it.
      const under = this.#joins.get(pathId);
      const joining = under ?? this.#startJoin(path, pathId, command);
      const { path: joined, result } = await joining;
      if (this.#engine.closeInfo !== undefined) {
        joined.die(new KwikError('ERR_KWIK_SESSION_CLOSED'));
        return;
      }
      if (command.capabilities.includes(proto.Capability.RAW)) this.#raw.permit(joined.id);
      if (under === undefined) this.#engine.addPath(joined);
      if (!joined.alive) throw joined.death ?? new KwikError('ERR_KWIK_PATH_DEAD');
      const serves = command.capabilities.includes(proto.Capability.REPLICA);
      if (serves && result.capabilities.includes(proto.Capability.REPLICA)) this.#content.addPath(joined);
      else this.#content.removePath(pathId, false);
      answer({
        accepted: true,
        rttUs: Math.round(joined.rttMs * 1000),
        serverId: result.serverId,
        capabilities: result.capabilities,
      });
    } catch (error) {
      answer({ error: errorToDetail(KwikError.from(error, 'ERR_KWIK_CONNECT_FAILED')) });
    }
  }

  #startJoin(path: PathRuntime, pathId: PathId, command: proto.AddPath): Join {
    const before = this.#engine.history.get(pathId);
    const again = before?.state === 'dead' && !before.primary;
    if (pathId >= FIRST_CLIENT_PATH_ID || (this.#usedPathIds.has(pathId) && !again)) {
      throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `path ${pathId} was used before in this session`);
    }
    if (isMisconduct(before?.errorCode)) {
      throw new KwikError('ERR_KWIK_SERVER_UNTRUSTED', `its path broke the rules: ${before?.reason ?? ''}`);
    }
    if (this.#engine.paths.size + this.#joining >= this.#options.maxPaths || this.#usedPathIds.size > MAX_PATH_IDS) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `the client allows ${this.#options.maxPaths} paths`, {
        scope: 'peer',
      });
    }
    this.#usedPathIds.add(pathId);
    const joining = this.#join(path, command);
    this.#joins.set(pathId, joining);
    joining.catch(() => {
      this.#joins.delete(pathId);
      this.#content.removePath(pathId, false);
    });
    return joining;
  }

  async #join({ port }: PathRuntime, command: proto.AddPath): Join {
    this.#joining++;
    try {
      return await this.#options.joinPath(command, port.transport.remote.address, (path) => {
        if (command.capabilities.includes(proto.Capability.REPLICA)) this.#content.openPath(path);
      });
    } finally {
      this.#joining--;
    }
  }

  #removePath(path: PathRuntime, id: bigint, command: proto.RemovePath): void {
    const known = this.#engine.paths.get(toPathId(command.pathId));
    if (known === undefined || known.primary || this.#draining.has(known.id)) {
      path.reply(
        id,
        known?.primary === true
          ? refusal('ERR_KWIK_INVALID_STATE', 'the primary path stays')
          : this.#notAlive(command.pathId),
      );
      return;
    }
    const reason = command.reason === '' ? 'removed by the primary' : command.reason;
    const done = (): void => {
      known.die(new KwikError('ERR_KWIK_PATH_REMOVED', reason));
      path.reply(id, { $case: 'removePathResult', value: { pathId: command.pathId, removed: true, error: undefined } });
    };
    if (command.drainMs === 0 || !known.drain(reason)) {
      done();
      return;
    }
    // The server tells when all that it had to send has arrived; it has so long.
    known.send({ $case: 'pathStatus', value: statusOf(known.info()) });
    const timer = this.#engine.clock.schedule(Math.min(command.drainMs, MAX_DRAIN_MS), () => this.#drained(known.id));
    this.#draining.set(known.id, { timer, done });
  }

  /** A path that was being removed is empty, or its time is over, or it died. */
  #drained(pathId: PathId): void {
    const draining = this.#draining.get(pathId);
    if (draining === undefined) return;
    this.#draining.delete(pathId);
    draining.timer.cancel();
    draining.done();
  }

  /** K9: bytes for another server of the session, passed on unread. */
  #relayRaw(path: PathRuntime, id: bigint, command: proto.RawPacketCommand): void {
    const target = this.#engine.paths.get(toPathId(command.pathId));
    if (target === undefined) {
      path.reply(id, this.#notAlive(command.pathId));
      return;
    }
    path.reply(id, this.#raw.relay(path, target, command, this.#engine.clock.now()));
  }

  #onClose(path: PathRuntime, close: proto.Close): void {
    if (this.#draining.has(path.id)) {
      this.#drained(path.id);
      return;
    }
    if (!path.primary) {
      path.die(new KwikError('ERR_KWIK_PATH_DEAD', `${path.address} closed its path: ${close.reason}`));
      return;
    }
    this.#engine.finishByPeer(endByPeer(close), true);
  }

  /** What was said on a path that was lost may not have been heard. */
  #tellAgain(primary: PathRuntime): void {
    announceStreams(this.#engine, primary, 'client');
    // A secondary that was lost meanwhile would otherwise pass for alive, and never be connected again.
    for (const info of this.#engine.pathInfos().slice(-MAX_TOLD_PATHS)) {
      if (!info.primary) primary.send({ $case: 'pathStatus', value: statusOf(info) });
    }
  }

  /** The answer to an operation on a path that is dead (K6.3) or never was. */
  #notAlive(pathId: number): KcpBody {
    const { history, clock } = this.#engine;
    const reason = history.get(toPathId(pathId))?.reason;
    if (reason === undefined) return refusal('ERR_KWIK_PATH_NOT_FOUND', `the session has no path ${pathId}`);
    const died = history.machine(toPathId(pathId))?.history.findLast(({ state }) => state === 'dead');
    const agoMs = died === undefined ? 0 : clock.now() - died.atMs;
    const deadSinceMs = BigInt(Math.max(0, Math.round(this.#options.wallClockMs() - agoMs)));
    return { $case: 'pathDead', value: { pathId, reason: reason.slice(0, MAX_REASON_CHARACTERS), deadSinceMs } };
  }

  /** The primary hears of a server that broke the rules, for it does not come back; it is to blame, and nobody else. */
  #tellMisconduct({ id: pathId, primary, death }: PathRuntime): void {
    // Wrong content was told of with its block.
    if (primary || death === undefined || !isMisconduct(death.code) || death.code === 'ERR_KWIK_SERVER_UNTRUSTED')
      return;
    const reason = death.message.slice(0, MAX_REASON_CHARACTERS);
    this.primary?.send({ $case: 'serverUntrusted', value: { pathId, streamId: 0n, block: 0n, reason } });
  }

  #tellStatus(path: PathRuntime): void {
    if (path.primary || this.#engine.closeInfo !== undefined) return;
    this.primary?.send({ $case: 'pathStatus', value: statusOf(path.info()) });
  }
}

function statusOf(info: PathInfo): proto.PathStatus {
  return {
    pathId: info.id,
    state: toProtoPathState(info.state),
    reason: (info.reason ?? '').slice(0, MAX_REASON_CHARACTERS),
    rttUs: Math.round(info.rttMs * 1000),
    deliveryRateBps: BigInt(Math.round(info.deliveryRateBps)),
    bytes: BigInt(info.receivedBytes),
    lostPackets: BigInt(info.lostPackets),
  };
}

function refusal(code: ConstructorParameters<typeof KwikError>[0], reason: string): KcpBody {
  return { $case: 'error', value: errorToDetail(new KwikError(code, reason)) };
}
