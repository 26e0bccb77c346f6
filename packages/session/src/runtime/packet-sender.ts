import { frameBudgetBytes } from '@kwik/paths';
import { KwikError, type PathId, type PathSnapshot, type ScheduleRequest, type Scheduler } from '@kwik/wire';
import type { Carry } from '../core/data/data-path.js';
import type { DataPlane } from '../core/data/data-plane.js';
import { recordOffsets } from './packet-offsets.js';
import type { PathRuntime } from './path-runtime.js';

/** Packets written to one path before the others get their turn. */
const PACKETS_PER_TURN = 64;
/** A packet of control frames and acknowledgements may leave even when the path has no room for data. */
const URGENT_PACKET_BYTES = 0;

/**
 * Where what this end writes goes: over the default path to its peer alone (the others stand by, and take over what it
 * cannot deliver), or over all paths to that peer as the scheduler says.
 */
export type WriteRouting = 'primary' | 'distributed';

export interface PacketSenderOptions {
  readonly routing: WriteRouting;
  readonly scheduler: Scheduler;
}

/** Writes the data plane's packets to the paths, each while it can put them on the wire. */
export class PacketSender {
  readonly #plane: DataPlane;
  readonly #paths: ReadonlyMap<PathId, PathRuntime>;
  readonly #options: PacketSenderOptions;
  /** When the scheduler wants to be asked again. */
  askAgainAtMs: number | undefined;

  constructor(plane: DataPlane, paths: ReadonlyMap<PathId, PathRuntime>, options: PacketSenderOptions) {
    this.#plane = plane;
    this.#paths = paths;
    this.#options = options;
  }

  /** True when there is more that could be sent at once. Throws what the scheduler throws. */
  run(now: number): boolean {
    this.askAgainAtMs = undefined;
    const carriers = this.#paths.size > 1 ? this.#carriers() : NONE;
    const spread = carriers.length > 1 && this.#options.routing === 'distributed';
    let more = false;
    for (const path of [...this.#paths.values()]) {
      const carry = carriers.length > 1 && path.data.owner ? this.#share(path, spread) : 'all';
      more = this.#guarded(path, () => this.#flush(path, carry, now)) || more;
    }
    return spread ? this.#distribute(carriers, now) || more : more;
  }

  #carriers(): PathRuntime[] {
    return [...this.#paths.values()].filter((path) => path.data.owner && path.alive);
  }

  #share(path: PathRuntime, spread: boolean): Carry {
    if (spread) return 'nothing';
    return this.#plane.defaultPath === path.data ? 'all' : 'copies';
  }

  #flush(path: PathRuntime, carry: Carry, now: number): boolean {
    path.port.control?.flush();
    path.port.pool.resize(this.#plane.streams.size, now);
    const { datagramBytes, deliveryRateBps } = path.sampleStats();
    const budget = frameBudgetBytes(deliveryRateBps, datagramBytes);
    for (let count = 0; count < PACKETS_PER_TURN; count++) {
      if (!path.alive || path.port.pool.congested) return false;
      const room = path.port.transport.sendableBytes();
      const limit = room < datagramBytes ? URGENT_PACKET_BYTES : Math.min(budget, room);
      if (limit === 0 && !this.#plane.hasUrgent(path.id, now)) return false;
      const packet = this.#plane.pollPacket(path.id, limit, now, carry);
      if (packet === undefined) return false;
      this.#write(path, packet);
    }
    return true;
  }

  /** Asks the scheduler for each packet. */
  #distribute(paths: readonly PathRuntime[], now: number): boolean {
    const healthy = paths.filter((path) => path.data.standing === 'active');
    const usable = healthy.length > 0 ? healthy : [...paths];
    for (let count = 0; count < PACKETS_PER_TURN * paths.length; count++) {
      const request = this.#request();
      const alive = usable.filter((path) => path.alive);
      if (request === undefined) return this.#help(alive, now);
      if (alive.every((path) => this.#room(path) === 0)) return false;
      // Busy paths are shown as well: the scheduler may think that one of them is worth waiting for.
      const decision = this.#options.scheduler.select(request, alive.map(snapshotOf), now);
      if (decision.kind === 'wait') {
        this.askAgainAtMs = decision.untilMs;
        return false;
      }
      const path = this.#paths.get(decision.pathId);
      if (path === undefined) throw misrouted(this.#options.scheduler, decision.pathId);
      const limit = Math.min(decision.maxBytes, this.#room(path));
      if (!this.#send(path, limit, now)) usable.splice(usable.indexOf(path), 1);
      else for (const other of decision.duplicates) this.#duplicate(path, other, now);
    }
    return true;
  }

  /** Paths with nothing of their own to send take over what others owe. */
  #help(paths: readonly PathRuntime[], now: number): boolean {
    for (const path of paths) {
      const limit = this.#room(path);
      const packet = limit === 0 ? undefined : this.#plane.pollPacket(path.id, limit, now, 'copies');
      if (packet !== undefined) this.#guarded(path, () => this.#write(path, packet));
    }
    return false;
  }

  #send(path: PathRuntime, limit: number, now: number): boolean {
    const packet = limit === 0 ? undefined : this.#plane.pollPacket(path.id, limit, now, 'all');
    return packet !== undefined && this.#guarded(path, () => this.#write(path, packet));
  }

  #duplicate(from: PathRuntime, to: PathId, now: number): void {
    const path = this.#paths.get(to);
    if (path === undefined || path === from || this.#room(path) === 0) return;
    const packet = this.#plane.pollCopy(from.id, to, this.#room(path), now);
    if (packet !== undefined) this.#guarded(path, () => this.#write(path, packet));
  }

  /** Bytes that the next packet may have; 0 when the path cannot put a datagram on the wire. */
  #room(path: PathRuntime): number {
    if (path.port.pool.congested) return 0;
    const { datagramBytes, deliveryRateBps } = path.sampleStats();
    const room = path.port.transport.sendableBytes();
    return room < datagramBytes
      ? URGENT_PACKET_BYTES
      : Math.min(frameBudgetBytes(deliveryRateBps, datagramBytes), room);
  }

  #write(path: PathRuntime, packet: Uint8Array): boolean {
    const start = path.port.pool.write(packet, path.data.lane);
    if (path.offsets !== undefined) recordOffsets(path.offsets, packet, start);
    path.onPacketSent();
    return true;
  }

  #request(): ScheduleRequest | undefined {
    const demand = this.#plane.demand;
    if (demand === undefined) return undefined;
    const { stream, pendingBytes, windowBytes } = demand;
    return { streamId: stream.id, pendingBytes, windowBytes, priority: stream.priority, kind: 'data', exclude: [] };
  }

  #guarded(path: PathRuntime, action: () => boolean): boolean {
    try {
      return action();
    } catch (error) {
      path.die(KwikError.from(error));
      return false;
    }
  }
}

const NONE: readonly PathRuntime[] = [];

/** The path as a scheduler sees it. */
function snapshotOf(path: PathRuntime): PathSnapshot {
  const stats = path.sampleStats();
  const state = path.machine.state;
  return {
    id: path.id,
    state: state === 'degraded' || state === 'suspected' ? state : 'active',
    primary: path.primary,
    rttMs: stats.rttMs,
    rttVarMs: stats.rttVarMs,
    minRttMs: stats.minRttMs,
    windowBytes: Math.min(stats.cwndBytes, path.data.window.windowBytes),
    inFlightBytes: stats.bytesInFlight,
    queuedBytes: stats.unsentBytes,
    sendableBytes: path.port.pool.congested
      ? 0
      : Math.min(path.port.transport.sendableBytes(), path.data.window.availableBytes),
    deliveryRateBps: stats.deliveryRateBps,
    lossRate: path.lossRate,
    weight: path.weight,
    datagramBytes: stats.datagramBytes,
  };
}

function misrouted(scheduler: Scheduler, pathId: number): KwikError {
  return new KwikError(
    'ERR_KWIK_INVALID_ARGUMENT',
    `the scheduler '${scheduler.name}' chose path ${pathId}, which it was not offered`,
  );
}
