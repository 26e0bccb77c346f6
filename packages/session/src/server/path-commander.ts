import { randomBytes } from 'node:crypto';
import { issuePathToken, type Ed25519Signer, type SessionKeys } from '@kwik/kcp';
import { errorFromDetail } from '@kwik/kcp';
import { fromProtoPathState } from '@kwik/paths';
import { KwikError, proto, toPathId, type PathId } from '@kwik/wire';
import { formatAddress, parseTarget } from '../client/target.js';
import type { AddPathOptions, PathCapability, PathInfo } from '../api/session.js';
import type { SessionEngine } from '../runtime/engine.js';
import type { PathRuntime } from '../runtime/path-runtime.js';
import type { PendingReplies } from '../runtime/pending-replies.js';

const ADD_PATH_TIMEOUT_MS = 10_000;
/** The answer travels too, and the client's own deadline comes first. */
const ANSWER_SLACK_MS = 5000;
const REMOVE_TIMEOUT_MS = 5000;
/** A token lives as long as the client may take to use it, and clocks may differ. */
const CLOCK_SKEW_MS = 30_000;
const TOKEN_ID_BYTES = 16;
const DEFAULT_CAPABILITIES: readonly PathCapability[] = ['replica', 'contribute', 'raw'];

const CAPABILITY: Record<PathCapability, proto.Capability> = {
  contribute: proto.Capability.CONTRIBUTE,
  replica: proto.Capability.REPLICA,
  relay: proto.Capability.RELAY,
  raw: proto.Capability.RAW,
};

export interface PathCommanderOptions {
  readonly keys: SessionKeys;
  readonly signer: Ed25519Signer;
  readonly wallClockMs: () => number;
  readonly replies: PendingReplies;
}

/** How a primary adds paths to the client's session and removes them, and what it knows of them. */
export class PathCommander {
  readonly #engine: SessionEngine;
  readonly #options: PathCommanderOptions;
  #nextPathId = 1;
  readonly #addresses = new Map<PathId, string>();

  constructor(engine: SessionEngine, options: PathCommanderOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  async addPath(client: PathRuntime, address: string, options: AddPathOptions = {}): Promise<PathInfo> {
    const target = parseTarget(address);
    const named = formatAddress(target.host, target.port);
    const pathId = toPathId(this.#nextPathId++);
    const timeoutMs = options.timeoutMs ?? ADD_PATH_TIMEOUT_MS;
    const capabilities = (options.capabilities ?? DEFAULT_CAPABILITIES).map((name) => CAPABILITY[name]);
    this.#addresses.set(pathId, named);
    this.#update(pathId, 'connecting');
    try {
      const answer = await this.#options.replies.request(
        client,
        {
          $case: 'addPath',
          value: {
            pathId,
            address: named,
            serverName: options.serverName ?? '',
            pin: new Uint8Array(0),
            token: this.#token(pathId, named, capabilities, timeoutMs),
            capabilities,
            timeoutMs,
            weight: 1,
            metadata: new Map(),
          },
        },
        timeoutMs + ANSWER_SLACK_MS,
      );
      if (answer.$case !== 'addPathResult') {
        throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `the client answered addPath with ${answer.$case}`);
      }
      if (!answer.value.accepted) {
        throw answer.value.error === undefined
          ? new KwikError('ERR_KWIK_CONNECT_FAILED', `the client could not connect to ${named}`)
          : errorFromDetail(answer.value.error);
      }
      return this.#update(pathId, 'active', { rttMs: answer.value.rttUs / 1000, serverId: answer.value.serverId });
    } catch (error) {
      const cause = KwikError.from(error);
      this.#update(pathId, 'dead', { reason: cause.message, errorCode: cause.code });
      throw new KwikError(cause.code, `path to ${named}: ${cause.message}`, { cause, scope: 'path' });
    }
  }

  async removePath(client: PathRuntime, pathId: number, reason: string): Promise<void> {
    this.requireAlive(pathId);
    const answer = await this.#options.replies.request(
      client,
      { $case: 'removePath', value: { pathId, reason: reason.slice(0, 200), drainMs: 0 } },
      REMOVE_TIMEOUT_MS,
    );
    if (answer.$case === 'removePathResult' && answer.value.error !== undefined)
      throw errorFromDetail(answer.value.error);
    this.#update(toPathId(pathId), 'dead', {
      reason: reason === '' ? 'removed' : reason,
      errorCode: 'ERR_KWIK_PATH_REMOVED',
    });
  }

  /** Throws ERR_KWIK_PATH_NOT_FOUND or ERR_KWIK_PATH_DEAD. */
  requireAlive(pathId: number): PathInfo {
    const info = this.#engine.history.get(toPathId(pathId));
    if (info === undefined) throw new KwikError('ERR_KWIK_PATH_NOT_FOUND', `the session has no path ${pathId}`);
    if (info.state === 'dead') {
      throw new KwikError(
        'ERR_KWIK_PATH_DEAD',
        `path ${pathId} to ${info.address} is dead: ${info.reason ?? 'closed'}`,
      );
    }
    return info;
  }

  /** What the client tells of a path. Numbers that this primary never gave are ignored. */
  status(status: proto.PathStatus): void {
    const pathId = toPathId(status.pathId);
    const state = fromProtoPathState(status.state);
    if (state === undefined || !this.#addresses.has(pathId)) return;
    this.#update(pathId, state, {
      rttMs: status.rttUs / 1000,
      deliveryRateBps: Number(status.deliveryRateBps),
      sentBytes: Number(status.bytes),
      lostPackets: Number(status.lostPackets),
      ...(status.reason !== '' && { reason: status.reason }),
    });
  }

  #token(pathId: PathId, server: string, capabilities: proto.Capability[], timeoutMs: number): Uint8Array {
    const { keys, signer, wallClockMs } = this.#options;
    const nowMs = wallClockMs();
    return issuePathToken(signer, {
      sessionId: keys.sessionId,
      audience: server,
      notBeforeMs: nowMs - CLOCK_SKEW_MS,
      expiresMs: nowMs + timeoutMs + CLOCK_SKEW_MS,
      capabilities,
      pathId,
      tokenId: new Uint8Array(randomBytes(TOKEN_ID_BYTES)),
      possessionKey: keys.possession.publicKey,
    });
  }

  #update(pathId: PathId, state: PathInfo['state'], changes: Partial<PathInfo> = {}): PathInfo {
    const known = this.#engine.history.get(pathId);
    const info: PathInfo = {
      id: pathId,
      address: this.#addresses.get(pathId) ?? '',
      primary: false,
      rttMs: known?.rttMs ?? 0,
      deliveryRateBps: known?.deliveryRateBps ?? 0,
      sentBytes: known?.sentBytes ?? 0,
      receivedBytes: 0,
      duplicateBytes: 0,
      lostPackets: known?.lostPackets ?? 0,
      ...(known?.serverId !== undefined && { serverId: known.serverId }),
      ...changes,
      state,
    };
    this.#engine.notifyPathInfo(info);
    return info;
  }
}
