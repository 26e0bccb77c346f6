import type { ReplyTo } from '@kwik/kcp';
import { KwikError, PRIMARY_PATH_ID, proto, rawFrame, toPathId, type PathId } from '@kwik/wire';
import { failure } from '../runtime/features/control-dispatch.js';
import type { ControlHandlers, Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { KnownPaths } from '../runtime/paths/path-registry.js';
import { deadPathAnswer } from './dead-path-answer.js';

/** Raw packets and other frames that may wait for one path; a path that is slower is told to the sender. */
const MAX_WAITING_FRAMES = 256;

interface RawRelayLimits {
  readonly maxRawPacketBytes: number;
  /** For each path that raw packets go to; a second's worth may come at once. */
  readonly rawPacketsPerSecond: number;
  readonly rawBytesPerSecond: number;
}

export interface RawRelayOptions extends RawRelayLimits {
  /** Milliseconds since 1970, for what peers are told of times. */
  readonly wallClockMs: () => number;
}

/** What the relay needs of its session. */
export interface RelaySession extends Pick<SessionContext, 'clock'> {
  readonly paths: KnownPaths & { get(id: PathId): RelayPath | undefined };
}

/** A path as the relay uses it. */
export interface RelayPath {
  readonly id: PathId;
  readonly primary: boolean;
  /** What the primary lets the server of the path do. */
  readonly capabilities: readonly proto.Capability[];
  readonly data: { readonly pendingFrameCount: number; queueFrame(key: string, frame: proto.Frame): void };
}

/** What may still go to a path now. */
interface Quota {
  packets: number;
  bytes: number;
  atMs: number;
}

/**
 * K9 at the client: bytes of one server for another, passed on unread. A path needs the capability to get any or to
 * send any, except those to the primary.
 */
export class RawRelay implements Feature {
  readonly #session: RelaySession;
  readonly #limits: RawRelayOptions;
  /** How much of the quota of each path is left. */
  readonly #quotas = new Map<PathId, Quota>();
  #sequence = 0n;

  readonly handlers: ControlHandlers = {
    rawPacket: (from, command) => {
      const target = this.#session.paths.get(toPathId(command.pathId));
      if (target === undefined) return deadPathAnswer(this.#session, this.#limits.wallClockMs, command.pathId);
      return this.relay(from, target, command);
    },
  };

  constructor(session: RelaySession, options: RawRelayOptions) {
    this.#session = session;
    this.#limits = options;
  }

  onPathDead({ id }: Pick<RelayPath, 'id'>): void {
    this.#quotas.delete(id);
  }

  /** Queues the packet on its path. The answer to the sender; an error says why nothing was relayed. */
  relay(from: RelayPath, target: RelayPath, command: proto.RawPacketCommand): ReplyTo<'rawPacket'> {
    const refusal = this.#refusal(from, target, command);
    if (refusal !== undefined) return failure(refusal);
    const sequence = this.#sequence++;
    target.data.queueFrame(
      `raw ${sequence}`,
      rawFrame({ data: command.data, sequence, fromPathId: from.primary ? PRIMARY_PATH_ID : from.id }),
    );
    return { $case: 'rawPacketResult', value: { pathId: command.pathId, relayed: true, error: undefined } };
  }

  #refusal(from: RelayPath, target: RelayPath, { data }: proto.RawPacketCommand): KwikError | undefined {
    const { maxRawPacketBytes } = this.#limits;
    if (!mayUse(from)) return denied(`the server on path ${from.id} was added without the capability to send`);
    if (!mayUse(target)) return denied(`the server on path ${target.id} was added without the capability to get`);
    if (data.length > maxRawPacketBytes) {
      return new KwikError(
        'ERR_KWIK_PACKET_TOO_LARGE',
        `${data.length} bytes; the client relays up to ${maxRawPacketBytes}`,
      );
    }
    if (target.data.pendingFrameCount >= MAX_WAITING_FRAMES) {
      return exceeded(`too many raw packets wait for path ${target.id}; send them more slowly`);
    }
    const { rawPacketsPerSecond, rawBytesPerSecond } = this.#limits;
    if (this.#takeQuota(target.id, data.length, this.#session.clock.now())) return undefined;
    const quota = `${rawPacketsPerSecond} raw packets or ${rawBytesPerSecond} bytes a second`;
    return exceeded(`more than ${quota} for path ${target.id}; send them more slowly`);
  }

  /** Two leaky buckets, each as large as a second's worth. A packet larger than a second's bytes takes them all. */
  #takeQuota(pathId: PathId, bytes: number, now: number): boolean {
    const { rawPacketsPerSecond, rawBytesPerSecond } = this.#limits;
    const quota = this.#quotas.get(pathId) ?? { packets: rawPacketsPerSecond, bytes: rawBytesPerSecond, atMs: now };
    const seconds = Math.max(0, now - quota.atMs) / 1000;
    quota.packets = Math.min(rawPacketsPerSecond, quota.packets + seconds * rawPacketsPerSecond);
    quota.bytes = Math.min(rawBytesPerSecond, quota.bytes + seconds * rawBytesPerSecond);
    quota.atMs = now;
    this.#quotas.set(pathId, quota);
    const cost = Math.min(bytes, rawBytesPerSecond);
    if (quota.packets < 1 || quota.bytes < cost) return false;
    quota.packets -= 1;
    quota.bytes -= cost;
    return true;
  }
}

function mayUse({ primary, capabilities }: RelayPath): boolean {
  return primary || capabilities.includes(proto.Capability.RAW);
}

function denied(what: string): KwikError {
  return new KwikError('ERR_KWIK_PERMISSION_DENIED', `${what} raw packets`);
}

function exceeded(what: string): KwikError {
  return new KwikError('ERR_KWIK_LIMIT_EXCEEDED', what, { scope: 'peer' });
}
