import { frameBudgetBytes, isAvailable, schedulableState, unusedBecause } from '@kwik/paths';
import {
  KwikError,
  type OffsetMap,
  type PathId,
  type PathSnapshot,
  type ScheduleRequest,
  type Scheduler,
  type TransportStats,
} from '@kwik/wire';
import type { WriteRouting } from '../../api/options.js';
import type { Carry, DataPath, RealStreamKey } from '../../core/data/data-path.js';
import type { DataPlane } from '../../core/data/data-plane.js';
import { FRAME_OVERHEAD_BYTES } from '../../core/data/packet-builder.js';
import { preferredOf } from '../../core/data/paths-to-peer.js';
import { DatagramSender } from './datagram-sender.js';
import type { StreamLane } from '../../core/streams/stream-lane.js';
import type { StreamState } from '../../core/streams/stream-state.js';
import { recordOffsets } from '../paths/packet-offsets.js';
import type { RealStart } from '../paths/real-stream-pool.js';
import { DecisionCounts } from './decision-counts.js';

/** Packets written to one path before the others get their turn. */
const PACKETS_PER_TURN = 64;
/** A packet of control frames and acknowledgements may leave even when the path has no room for data. */
const URGENT_PACKET_BYTES = 0;
/** A scheduler that says "wait" is asked again after this long at the earliest, milliseconds. */
const MIN_WAIT_MS = 1;

/** The paths of a session, in the order in which they were connected. */
interface ConnectedPaths {
  readonly size: number;
  values(): Iterable<SendingPath>;
}

export interface PacketSenderOptions {
  readonly routing: WriteRouting;
  readonly scheduler: Scheduler;
}

/** A path as packets are sent on it. */
export interface SendingPath {
  readonly id: PathId;
  readonly primary: boolean;
  readonly alive: boolean;
  readonly weight: number;
  /** Packets lost of packets sent in the recent past, 0 to 1. */
  readonly lossRate: number;
  readonly data: DataPath;
  /** Where the last pieces of logical streams went in real streams, when that is wanted. */
  readonly offsets: OffsetMap | undefined;
  readonly port: {
    readonly control: { flush(): void } | undefined;
    readonly pool: {
      /** Its streams take nothing now. */
      readonly backlogged: boolean;
      resize(logicalStreams: number, now: number): void;
      write(packet: Uint8Array, key: RealStreamKey): RealStart;
    };
    readonly transport: { sendableBytes(): number };
  };
  sampleStats(): TransportStats;
  onPacketSent(): void;
  die(error: KwikError): void;
}

/** Writes the data plane's packets to the paths, each while it can put them on the wire. */
export class PacketSender {
  readonly #plane: DataPlane;
  readonly #paths: ConnectedPaths;
  readonly #options: PacketSenderOptions;
  readonly #datagrams: DatagramSender;
  /** Why packets went where they went, since the session began. */
  readonly decisions = new DecisionCounts();
  /** When the scheduler wants to be asked again. */
  askAgainAtMs: number | undefined;

  constructor(plane: DataPlane, paths: ConnectedPaths, options: PacketSenderOptions) {
    this.#plane = plane;
    this.#paths = paths;
    this.#options = options;
    this.#datagrams = new DatagramSender(plane);
  }

  /** True when there is more that could be sent at once. Throws what the scheduler throws. */
  run(now: number): boolean {
    this.askAgainAtMs = undefined;
    const carriers = this.#paths.size > 1 ? this.#carriers() : NONE;
    const several = carriers.length > 1;
    const spread = several && this.#options.routing === 'distributed';
    let more = false;
    if (!this.#plane.datagrams.empty) this.#sendDatagrams(now);
    if (several && !spread && this.#plane.turns.hasIntents) more = this.#carryIntents(carriers, now);
    for (const path of this.#paths.values()) {
      const carry = several && path.data.toPeer ? this.#share(path, spread) : 'all';
      more = this.#guarded(path, () => this.#flush(path, carry, now)) || more;
    }
    return spread ? this.#distribute(carriers, now) || more : more;
  }

  /** Why what this end writes does not go over a path now, in words; undefined when it does. */
  whyUnused(path: Pick<SendingPath, 'id' | 'data'>): string | undefined {
    const { health, toPeer } = path.data;
    if (!isAvailable(health)) return unusedBecause(health);
    if (!toPeer || this.#paths.size < 2) return undefined;
    const { defaultPath } = this.#plane;
    if (this.#options.routing === 'distributed') return this.#options.scheduler.explain?.(path.id);
    if (defaultPath === undefined || defaultPath === path.data) return undefined;
    return `it stands by: what this end writes goes over path ${defaultPath.id}, for it is not spread`;
  }

  /** Where one path takes all writes, streams that want to be carried in a particular way still may use the others. */
  #carryIntents(carriers: readonly SendingPath[], now: number): boolean {
    for (const path of carriers) this.#prepare(path, now);
    return this.#distribute(carriers, now, [this.#plane.turns.plain]);
  }

  #sendDatagrams(now: number): void {
    const carriers = this.#carriers();
    const paths = preferredOf(carriers).filter(({ port }) => !port.pool.backlogged);
    for (const path of paths) this.#prepare(path, now);
    const targets = paths.map((path) => ({
      id: path.id,
      snapshot: () => snapshotOf(path),
      write: (packet: Uint8Array) => this.#guarded(path, () => this.#write(path, packet)),
    }));
    this.#datagrams.run(targets, now);
  }

  #carriers(): SendingPath[] {
    return [...this.#paths.values()].filter((path) => path.data.toPeer && path.alive);
  }

  #share(path: SendingPath, spread: boolean): Carry {
    if (spread) return 'nothing';
    return this.#plane.defaultPath === path.data ? this.#plane.turns.plain : 'copies';
  }

  #flush(path: SendingPath, carry: Carry, now: number): boolean {
    this.#prepare(path, now);
    if (this.#plane.hasNothingFor(path.id, now)) return false;
    const stats = path.sampleStats();
    for (let count = 0; count < PACKETS_PER_TURN; count++) {
      if (!path.alive || path.port.pool.backlogged) return false;
      const limit = packetRoom(path, stats);
      if (limit === 0 && !this.#plane.hasUrgent(path.id, now)) return false;
      const packet = this.#plane.pollPacket(path.id, limit, now, carry);
      if (packet === undefined) return false;
      this.#write(path, packet);
      if (path.data.toPeer && carry !== 'nothing') this.#countUnasked(carry);
    }
    return true;
  }

  #countUnasked(carry: Carry): void {
    if (carry === 'copies') this.decisions.count('help');
    else this.decisions.count(this.#paths.size > 1 ? 'default-path' : 'only-path');
  }

  #prepare({ port }: SendingPath, now: number): void {
    port.control?.flush();
    port.pool.resize(this.#plane.streams.size, now);
  }

  /** Asks the scheduler for each packet; streams of the lanes in `without` are left alone. */
  #distribute(paths: readonly SendingPath[], now: number, without: readonly StreamLane[] = []): boolean {
    let candidates = preferredOf(paths).map((path) => new Candidate(path));
    const pending = new PendingBytes();
    // Those that the scheduler has wait are not asked about again.
    const passed = new Set(without);
    for (let count = 0; count < PACKETS_PER_TURN * paths.length; count++) {
      if (candidates.some(({ path }) => !path.alive)) candidates = candidates.filter(({ path }) => path.alive);
      const lane = this.#plane.turns.upcoming(passed);
      if (lane === undefined) return passed.size === 0 && this.#help(candidates, now);
      if (candidates.every((candidate) => candidate.room === 0)) return false;
      const request = requestOf(lane.peek()!, pending.of(lane));
      // Busy paths are shown as well: the scheduler may think that one of them is worth waiting for.
      const shown = candidates.map(({ snapshot }) => snapshot);
      const decision = this.#options.scheduler.select(request, shown, now);
      this.decisions.count(decision.reason ?? 'policy');
      if (decision.kind === 'wait') {
        this.#waitUntil(decision.untilMs, now);
        passed.add(lane);
        continue;
      }
      const candidate = candidates.find(({ path }) => path.id === decision.pathId);
      if (candidate === undefined) throw misrouted(this.#options.scheduler, decision.pathId);
      const sentBefore = candidate.path.data.sentBytes;
      if (!this.#send(candidate, lane, decision.maxBytes, now)) {
        candidates = candidates.filter((other) => other !== candidate);
        continue;
      }
      pending.sent(lane, candidate.path.data.sentBytes - sentBefore);
      for (const other of decision.duplicates) this.#duplicate(candidate, other, candidates, now);
    }
    return true;
  }

  /** The soonest that any of those who wait wants to be asked again. */
  #waitUntil(untilMs: number, now: number): void {
    const atMs = untilMs > now ? untilMs : now + MIN_WAIT_MS;
    this.askAgainAtMs = Math.min(this.askAgainAtMs ?? atMs, atMs);
  }

  /** Paths with nothing of their own to send take over what others have in flight. */
  #help(candidates: readonly Candidate[], now: number): boolean {
    for (const { path, room } of candidates) {
      const packet = room === 0 ? undefined : this.#plane.pollPacket(path.id, room, now, 'copies');
      if (packet !== undefined && this.#guarded(path, () => this.#write(path, packet))) this.decisions.count('help');
    }
    return false;
  }

  #send(candidate: Candidate, lane: StreamLane, maxBytes: number, now: number): boolean {
    const { path } = candidate;
    // The scheduler speaks of what the stream gives: a frame around it must not leave a rest of a few bytes.
    const limit = Math.min(maxBytes + FRAME_OVERHEAD_BYTES, candidate.room);
    const packet = limit > 0 ? this.#plane.pollPacket(path.id, limit, now, lane) : undefined;
    if (packet === undefined || !this.#guarded(path, () => this.#write(path, packet))) return false;
    candidate.renew();
    return true;
  }

  #duplicate(from: Candidate, to: PathId, candidates: readonly Candidate[], now: number): void {
    const candidate = candidates.find(({ path }) => path.id === to);
    if (candidate === undefined || candidate === from) return;
    const packet = this.#plane.pollCopy(from.path.id, to, candidate.room, now);
    if (packet === undefined || !this.#guarded(candidate.path, () => this.#write(candidate.path, packet))) return;
    this.decisions.count('copy');
    candidate.renew();
  }

  #write(path: SendingPath, packet: Uint8Array): boolean {
    const start = path.port.pool.write(packet, path.data.realStreamKey);
    if (path.offsets !== undefined) recordOffsets(path.offsets, packet, start);
    path.onPacketSent();
    return true;
  }

  #guarded(path: SendingPath, action: () => boolean): boolean {
    try {
      return action();
    } catch (error) {
      path.die(KwikError.from(error));
      return false;
    }
  }
}

/** What waits in each lane: summed over its streams once, and then less what goes out. */
class PendingBytes {
  readonly #byLane = new Map<StreamLane, number>();

  of(lane: StreamLane): number {
    let bytes = this.#byLane.get(lane) ?? 0;
    if (bytes <= 0) {
      bytes = lane.pendingBytes;
      this.#byLane.set(lane, bytes);
    }
    return bytes;
  }

  sent(lane: StreamLane, bytes: number): void {
    this.#byLane.set(lane, this.of(lane) - bytes);
  }
}

/** A path that the scheduler may choose, as it is now. */
class Candidate {
  snapshot: PathSnapshot;
  /** Bytes that the next packet may have; 0 when the path cannot put a datagram on the wire. */
  room: number;

  constructor(readonly path: SendingPath) {
    this.snapshot = snapshotOf(path);
    this.room = roomOf(path);
  }

  /** After something was written to it. */
  renew(): void {
    if (!this.path.alive) return;
    this.snapshot = snapshotOf(this.path);
    this.room = roomOf(this.path);
  }
}

function roomOf(path: SendingPath): number {
  return path.port.pool.backlogged ? 0 : packetRoom(path, path.sampleStats());
}

function packetRoom(path: SendingPath, { datagramBytes, deliveryRateBytesPerSecond }: TransportStats): number {
  const room = path.port.transport.sendableBytes();
  return room < datagramBytes
    ? URGENT_PACKET_BYTES
    : Math.min(frameBudgetBytes(deliveryRateBytesPerSecond, datagramBytes), room);
}

function requestOf(stream: StreamState, pendingBytes: number): ScheduleRequest {
  const windowBytes = stream.send?.windowBytes ?? pendingBytes;
  const { id: streamId, intent, priority } = stream;
  return { streamId, intent, pendingBytes, windowBytes, priority, kind: 'data', exclude: [] };
}

const NONE: readonly SendingPath[] = [];

/** The path as a scheduler sees it. */
function snapshotOf(path: SendingPath): PathSnapshot {
  const stats = path.sampleStats();
  return {
    id: path.id,
    state: schedulableState(path.data.health),
    primary: path.primary,
    rttMs: stats.rttMs,
    rttVarMs: stats.rttVarMs,
    minRttMs: stats.minRttMs,
    windowBytes: Math.min(stats.cwndBytes, path.data.window.windowBytes),
    inFlightBytes: stats.bytesInFlight,
    queuedBytes: stats.unsentBytes,
    sendableBytes: path.port.pool.backlogged
      ? 0
      : Math.min(path.port.transport.sendableBytes(), path.data.window.availableBytes),
    deliveryRateBytesPerSecond: stats.deliveryRateBytesPerSecond,
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
