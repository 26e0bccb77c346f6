import { errorToDetail, type KcpBody } from '@kwik/kcp';
import { KwikError, PRIMARY_PATH_ID, rawFrame, type PathId, type proto } from '@kwik/wire';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';

/** Raw packets and other frames that may wait for one path; a path that is slower is told to the sender. */
const MAX_WAITING_FRAMES = 256;

export interface RawRelayLimits {
  readonly maxRawPacketBytes: number;
  /** For each path that raw packets go to; a second's worth may come at once. */
  readonly rawPacketsPerSecond: number;
  readonly rawBytesPerSecond: number;
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
export class RawRelay {
  readonly #limits: RawRelayLimits;
  /** Paths to secondaries with the capability, and how much of the quota of any path is left. */
  readonly #permitted = new Set<PathId>();
  readonly #quotas = new Map<PathId, Quota>();
  #sequence = 0n;

  constructor(limits: RawRelayLimits) {
    this.#limits = limits;
  }

  /** A path to a secondary has come. */
  permit(pathId: PathId): void {
    this.#permitted.add(pathId);
  }

  forget(pathId: PathId): void {
    this.#permitted.delete(pathId);
    this.#quotas.delete(pathId);
  }

  /** Queues the packet on its path. The answer to the sender; an error says why nothing was relayed. */
  relay(from: PathRuntime, target: PathRuntime, command: proto.RawPacketCommand, now: number): KcpBody {
    const refusal = this.#refusal(from, target, command, now);
    if (refusal !== undefined) return { $case: 'error', value: errorToDetail(refusal) };
    const sequence = this.#sequence++;
    target.data.queueFrame(
      `raw ${sequence}`,
      rawFrame({ data: command.data, sequence, fromPathId: from.primary ? PRIMARY_PATH_ID : from.id }),
    );
    return { $case: 'rawPacketResult', value: { pathId: command.pathId, relayed: true, error: undefined } };
  }

  #refusal(from: PathRuntime, target: PathRuntime, { data }: proto.RawPacketCommand, now: number) {
    const { maxRawPacketBytes } = this.#limits;
    if (!this.#mayUse(from)) return denied(`the server on path ${from.id} was added without the capability to send`);
    if (!this.#mayUse(target)) return denied(`the server on path ${target.id} was added without the capability to get`);
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
    if (this.#takeQuota(target.id, data.length, now)) return undefined;
    const quota = `${rawPacketsPerSecond} raw packets or ${rawBytesPerSecond} bytes a second`;
    return exceeded(`more than ${quota} for path ${target.id}; send them more slowly`);
  }

  #mayUse(path: PathRuntime): boolean {
    return path.primary || this.#permitted.has(path.id);
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

function denied(what: string): KwikError {
  return new KwikError('ERR_KWIK_PERMISSION_DENIED', `${what} raw packets`);
}

function exceeded(what: string): KwikError {
  return new KwikError('ERR_KWIK_LIMIT_EXCEEDED', what, { scope: 'peer' });
}
