import { randomBytes } from 'node:crypto';
import { errorFromDetail, issuePathToken, type SessionKeys, type TokenSigner } from '@kwik/kcp';
import { fromProtoPathState, ReconnectSchedule } from '@kwik/paths';
import { KwikError, proto, toPathId, type PathId } from '@kwik/wire';
import { formatAddress, parseTarget } from '../client/target.js';
import type { AddPathOptions, PathCapability, PathInfo } from '../api/session.js';
import type { ControlHandlers, Feature } from '../runtime/features/feature.js';
import type { AuditTrail } from '../runtime/host/audit-trail.js';
import type { ServerGuard } from '../runtime/host/server-guard.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { PathReport } from '../runtime/paths/path-registry.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import type { SessionRelays } from './relay/relay-addresses.js';
import { relayGrant } from './relay/relay-grant.js';
import { DueTimer } from '../runtime/waiting/due-timer.js';

const ADD_PATH_TIMEOUT_MS = 10_000;
/** The answer travels too, and the client's own deadline comes first. */
const ANSWER_SLACK_MS = 5000;
/** Time that a removed path has to deliver what is under way. */
const DRAIN_MS = 5000;
/** A token lives as long as the client may take to use it, and clocks may differ. */
const CLOCK_SKEW_MS = 30_000;
const TOKEN_ID_BYTES = 16;
/** The least: all that such a server sends is checked against this one's digests. */
const DEFAULT_CAPABILITIES: readonly PathCapability[] = ['replica'];
/** Waits before a lost path is asked for again: up to this first, doubling to the other, so many times (V3.4, V7.5). */
const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 30_000;
const MAX_TRIES = 12;
/**
 * Paths that were given up while they were being connected, and which the client, when it tells of one, is told to end; of more the
 * oldest are forgotten.
 */
const MAX_ABANDONED = 256;
/** While the client itself is away. */
const CLIENT_AWAY_MS = 500;

function timeoutOf({ timeoutMs = ADD_PATH_TIMEOUT_MS }: AddPathOptions): number {
  return timeoutMs;
}

const CAPABILITY: Record<PathCapability, proto.Capability> = {
  contribute: proto.Capability.CONTRIBUTE,
  replica: proto.Capability.REPLICA,
  relay: proto.Capability.RELAY,
  raw: proto.Capability.RAW,
};

export interface PathCommanderOptions {
  /** Which servers may be named to the client. */
  readonly servers?: Pick<ServerGuard, 'require'> | undefined;
  readonly trail: Pick<AuditTrail, 'record'>;
  readonly keys: SessionKeys;
  readonly signer: TokenSigner;
  readonly wallClockMs: () => number;
  /** 0 <= random() < 1, for the jitter of waits. */
  readonly random: () => number;
  /** `host:port` names under which relays reach this server. */
  readonly anchors: () => readonly string[];
  /** Told of relays that the client is to use. */
  readonly relays?: SessionRelays | undefined;
  /** No path of the session has had it, or one above. Default: 1. */
  readonly nextPathId?: number | undefined;
}

/** The path to the client, as far as commands go. */
export type CommandedClient = Pick<PathRuntime, 'request'>;

/** What it needs of its session. */
export interface CommanderSession extends Pick<SessionContext, 'clock' | 'closeInfo'> {
  readonly controlPath: CommandedClient | undefined;
  readonly paths: Pick<SessionContext['paths'], 'info' | 'report'>;
}

/** A path that this primary asked for. */
interface Commanded {
  readonly id: PathId;
  readonly options: AddPathOptions;
  readonly schedule: ReconnectSchedule;
  readonly timer: DueTimer;
  address: string;
  /** The client is being asked for it, and has not answered. */
  asked: boolean;
  /** It carried data once, and is not to be given up: connect it again when it is lost. */
  wanted: boolean;
  /** The application gave it up: what a connection attempt that is under way still brings is sent away again. */
  abandoned: boolean;
}

/** How a primary adds paths to the client's session, keeps them and removes them, and what it knows of them. */
export class PathCommander implements Feature {
  readonly #session: CommanderSession;
  readonly #options: PathCommanderOptions;
  #nextPathId: number;
  readonly #commanded = new Map<PathId, Commanded>();
  /** Of paths that are being removed: who asks again meanwhile waits for the same. */
  readonly #removals = new Map<PathId, Promise<void>>();

  readonly handlers: ControlHandlers = {
    pathStatus: (client, status) => {
      // A further path to this primary, which asked for that: nothing new goes there from this end, either.
      if (status.pathId === client.id && status.state === proto.PathState.DRAINING) client.drain(status.reason);
      this.#status(status);
    },
    serverUntrusted: (_client, message) => this.#untrusted(message),
  };

  constructor(session: CommanderSession, options: PathCommanderOptions) {
    this.#session = session;
    this.#options = options;
    this.#nextPathId = options.nextPathId ?? 1;
  }

  onEnd(): void {
    for (const { timer } of this.#commanded.values()) timer.set(undefined);
    this.#options.relays?.release();
  }

  async addPath(client: CommandedClient, address: string, options: AddPathOptions = {}): Promise<PathInfo> {
    const addresses = [address, ...(options.alternatives ?? [])].map((one) => {
      const target = parseTarget(one);
      return formatAddress(target.host, target.port);
    });
    const { weight = 1 } = options;
    if (!Number.isInteger(weight) || weight < 1 || weight > 1000) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `weight ${weight} is not a whole number from 1 to 1000`);
    }
    if (options.capabilities?.includes('relay') === true) {
      relayGrant(options.relay, this.#options.anchors());
      for (const relay of addresses) this.#options.relays?.add(relay);
    }
    const path = this.#command(addresses, options);
    this.#update(path.id, 'connecting');
    let first: KwikError | undefined;
    for (path.address of addresses) {
      try {
        return await this.#establish(path, client, timeoutOf(options));
      } catch (error) {
        first ??= KwikError.from(error);
      }
      if (path.abandoned) break;
    }
    if (!path.abandoned) this.#commanded.delete(path.id);
    const cause = first!;
    throw new KwikError(cause.code, `path to ${addresses[0]}: ${cause.message}`, {
      cause,
      scope: 'path',
      ...(cause.retryAfterMs !== undefined && { retryAfterMs: cause.retryAfterMs }),
    });
  }

  #command(addresses: readonly string[], options: AddPathOptions): Commanded {
    const policy = {
      firstWaitMs: FIRST_WAIT_MS,
      maxWaitMs: MAX_WAIT_MS,
      maxTries: MAX_TRIES,
      maxAttemptMs: timeoutOf(options),
    };
    const path: Commanded = {
      id: toPathId(this.#nextPathId++),
      options,
      schedule: new ReconnectSchedule(addresses, policy, this.#options.random),
      timer: new DueTimer(this.#session.clock, () => void this.#again(path)),
      address: addresses[0]!,
      wanted: false,
      asked: false,
      abandoned: false,
    };
    this.#commanded.set(path.id, path);
    return path;
  }

  removePath(client: CommandedClient, pathId: number, reason: string): Promise<void> {
    const id = toPathId(pathId);
    const known = this.#removals.get(id);
    if (known !== undefined) return known;
    const removal = this.#remove(client, pathId, reason).finally(() => this.#removals.delete(id));
    this.#removals.set(id, removal);
    return removal;
  }

  async #remove(client: CommandedClient, pathId: number, reason: string): Promise<void> {
    const path = this.#commanded.get(toPathId(pathId));
    if (path !== undefined) {
      giveUp(path);
      this.#forgetAbandoned();
    }
    // While it is being connected for the first time the answer, when it comes, ends it.
    if (this.requireAlive(pathId).state === 'connecting') return;
    this.#update(toPathId(pathId), 'draining');
    const command = { pathId, reason: reason.slice(0, 200), drainMs: DRAIN_MS, retryAfterMs: 0 };
    const answer = await client.request('removePath', command, DRAIN_MS + ANSWER_SLACK_MS);
    if (answer.value.error !== undefined) throw errorFromDetail(answer.value.error);
    this.#update(toPathId(pathId), 'dead', {
      reason: reason === '' ? 'removed' : reason,
      errorCode: 'ERR_KWIK_PATH_REMOVED',
    });
    this.#commanded.delete(toPathId(pathId));
  }

  #forgetAbandoned(): void {
    const abandoned = [...this.#commanded.values()].filter((path) => path.abandoned && !path.asked);
    for (const { id } of abandoned.slice(0, -MAX_ABANDONED)) this.#commanded.delete(id);
  }

  /** Throws ERR_KWIK_PATH_NOT_FOUND or ERR_KWIK_PATH_DEAD. */
  requireAlive(pathId: number): PathInfo {
    const info = this.#session.paths.info(toPathId(pathId));
    if (info === undefined) throw new KwikError('ERR_KWIK_PATH_NOT_FOUND', `the session has no path ${pathId}`);
    if (info.state === 'dead' || info.state === 'recovering') {
      throw new KwikError(
        'ERR_KWIK_PATH_DEAD',
        `path ${pathId} to ${info.address} is dead: ${info.reason ?? 'closed'}`,
      );
    }
    return info;
  }

  /** Throws as `requireAlive` does, and ERR_KWIK_PERMISSION_DENIED. */
  requireCapability(pathId: number, capability: 'raw' | 'contribute'): void {
    this.requireAlive(pathId);
    const added = this.#commanded.get(toPathId(pathId));
    if (added === undefined || (added.options.capabilities ?? DEFAULT_CAPABILITIES).includes(capability)) return;
    throw new KwikError(
      'ERR_KWIK_PERMISSION_DENIED',
      `path ${pathId} was added without the capability ${capability}; name it in the options of addPath`,
    );
  }

  /** What the client tells of a path. Numbers that this primary never gave are ignored. */
  #status(status: proto.PathStatus): void {
    const pathId = toPathId(status.pathId);
    const state = fromProtoPathState(status.state);
    const path = this.#commanded.get(pathId);
    if (state === undefined || path === undefined) return;
    const before = this.#session.paths.info(pathId)?.state;
    if (path.abandoned && before === 'dead' && state !== 'dead') {
      this.#sendAway(path);
      return;
    }
    if (path.asked && state !== 'active') {
      // Either it is of the path's earlier life, or the answer has come just before and is seen in a moment.
      this.#session.clock.schedule(0, () => this.#statusAfterAnswer(path, status));
      return;
    }
    this.#update(pathId, state, {
      rttMs: status.rttUs / 1000,
      deliveryRateBytesPerSecond: Number(status.deliveryRateBps),
      sentBytes: Number(status.bytes),
      lostPackets: Number(status.lostPackets),
      ...(status.reason !== '' && { reason: status.reason }),
    });
    if (state === 'dead' && before !== 'dead') this.#lost(path);
  }

  #statusAfterAnswer(path: Commanded, status: proto.PathStatus): void {
    if (path.asked || this.#session.closeInfo !== undefined) return;
    if (this.#session.paths.info(path.id)?.state !== 'dead') this.#status(status);
  }

  /** A server that was caught lying is not asked for again. */
  #untrusted(message: proto.ServerUntrusted): void {
    const path = this.#commanded.get(toPathId(message.pathId));
    if (path === undefined) return;
    giveUp(path);
    this.#update(path.id, 'dead', { reason: message.reason, errorCode: 'ERR_KWIK_SERVER_UNTRUSTED' });
    this.#commanded.delete(path.id);
  }

  /** Should the client be lost before it hears of this, it tells of the path when it is back. */
  #sendAway({ id: pathId }: Commanded): void {
    const client = this.#session.controlPath;
    if (client === undefined) return;
    const value = { pathId, reason: 'removed while it was being connected', drainMs: 0, retryAfterMs: 0 };
    client.request('removePath', value, ANSWER_SLACK_MS).catch(() => undefined);
  }

  #lost(path: Commanded, leastMs?: number): void {
    const { schedule, timer } = path;
    if (this.#session.closeInfo !== undefined) return;
    if (!path.wanted) {
      // One that the application gave up stays: what its attempt still brings is sent away.
      if (!path.abandoned) this.#commanded.delete(path.id);
      return;
    }
    schedule.lost(this.#session.clock.now(), leastMs);
    timer.set(schedule.dueAtMs);
    if (schedule.state === 'given-up') this.#commanded.delete(path.id);
  }

  async #again(path: Commanded): Promise<void> {
    const { schedule, timer } = path;
    const client = this.#session.controlPath;
    if (!path.wanted || this.#session.closeInfo !== undefined) return;
    // Without the client there is nobody to ask; it is back soon, or the session ends.
    if (client === undefined) {
      schedule.postpone(this.#session.clock.now(), CLIENT_AWAY_MS);
      timer.set(schedule.dueAtMs);
      return;
    }
    const attempt = schedule.begin(this.#session.paths.info(path.id)?.rttMs ?? 0);
    path.address = attempt.address;
    this.#update(path.id, 'recovering');
    try {
      await this.#establish(path, client, attempt.timeoutMs);
    } catch (error) {
      this.#lost(path, KwikError.from(error).retryAfterMs);
    }
  }

  async #establish(path: Commanded, client: CommandedClient, timeoutMs: number): Promise<PathInfo> {
    const { id: pathId, address, options } = path;
    const capabilities = (options.capabilities ?? DEFAULT_CAPABILITIES).map((name) => CAPABILITY[name]);
    this.#options.servers?.require({ address }, capabilities);
    const value: proto.AddPath = {
      pathId,
      address,
      serverName: options.serverName ?? '',
      pin: new Uint8Array(0),
      token: this.#token(path, capabilities, timeoutMs),
      capabilities,
      timeoutMs,
      weight: options.weight ?? 1,
      metadata: new Map(),
    };
    try {
      path.asked = true;
      const asking = client.request('addPath', value, timeoutMs + ANSWER_SLACK_MS);
      const answer = await asking.finally(() => (path.asked = false));
      if (!answer.value.accepted) {
        throw answer.value.error === undefined
          ? new KwikError('ERR_KWIK_CONNECT_FAILED', `the client could not connect to ${address}`)
          : errorFromDetail(answer.value.error);
      }
      if (path.abandoned) {
        this.#sendAway(path);
        throw new KwikError('ERR_KWIK_PATH_REMOVED', 'the path was removed while it was being connected');
      }
      path.schedule.connected(this.#session.clock.now());
      path.wanted = options.reconnect ?? true;
      return this.#update(pathId, 'active', {
        rttMs: answer.value.rttUs / 1000,
        serverId: answer.value.serverId,
      });
    } catch (error) {
      const cause = KwikError.from(error);
      if (cause.code === 'ERR_KWIK_SERVER_UNTRUSTED') path.wanted = false;
      this.#update(pathId, 'dead', { reason: cause.message, errorCode: cause.code });
      throw cause;
    }
  }

  #token({ id: pathId, address: server, options }: Commanded, capabilities: proto.Capability[], timeoutMs: number) {
    const { keys, signer, wallClockMs, trail } = this.#options;
    const nowMs = wallClockMs();
    const tokenId = new Uint8Array(randomBytes(TOKEN_ID_BYTES));
    const expiresMs = nowMs + timeoutMs + CLOCK_SKEW_MS;
    const { sessionId } = keys;
    const facts = { token: Buffer.from(tokenId).toString('hex'), expires: new Date(expiresMs).toISOString() };
    trail.record({ kind: 'token-issued', role: 'primary', sessionId, pathId, peer: server, facts });
    return issuePathToken(signer, {
      sessionId,
      audience: server,
      notBeforeMs: nowMs - CLOCK_SKEW_MS,
      expiresMs,
      capabilities,
      pathId,
      tokenId,
      possessionKey: keys.possession.publicKey,
      ...(capabilities.includes(proto.Capability.RELAY) && {
        relay: relayGrant(options.relay, this.#options.anchors()),
      }),
    });
  }

  #update(id: PathId, state: PathInfo['state'], changes: Omit<PathReport, 'state'> = {}): PathInfo {
    const address = this.#commanded.get(id)?.address;
    return this.#session.paths.report(id, { ...(address !== undefined && { address }), ...changes, state });
  }
}

function giveUp(path: Commanded): void {
  path.wanted = false;
  path.abandoned = true;
  path.schedule.abandon();
  path.timer.set(undefined);
}
