import type { KwikError, TransportAddress, TransportStats } from '@kwik/wire';
import type { BackendAddress, BackendConnection } from '../backends/backend.js';
import { isLinkLocal, withoutZone, zoneOf } from '../socket/zone.js';
import type { Pacer } from './pacer.js';
import { type PathSampler, STATS_AGE_MS } from './path-sampler.js';
import type { Sender } from './sender.js';
import { streamRoom } from './send-window.js';
import type { QuicStream } from './stream.js';
import type { TrafficGuard } from './traffic-guard.js';

/** Two datagrams, of the smallest size that QUIC works with. */
const MOVABLE_BYTES = 2 * 1200;
/** After so long without much that was sent its acknowledgements are in. */
const SETTLED_MS = 1_000;

/** Samples the path while there is something to learn, and lets the pacer and the guard judge by it. */
export class PathWatch {
  constructor(
    private readonly backend: BackendConnection,
    private readonly sampler: PathSampler,
    private readonly pacer: Pacer,
    private readonly sender: Sender,
    private readonly guard: TrafficGuard,
    private readonly streams: ReadonlyMap<number, QuicStream>,
  ) {}

  sample(now: number): void {
    const before = this.sampler.latest.retransmittedBytes;
    const stats = this.backend.pathStats();
    if (stats === undefined) return;
    this.sampler.record(stats, now, this.sender);
    this.pacer.update(this.sampler.model(this.sender.inFlightBytes, this.sender.takePathLimited()), now);
    this.sampler.known(this.pacer, now);
    this.sender.onSample(stats.retransmittedBytes - before, now);
    this.pacer.fit(this.sender.sizes.datagramBytes);
  }

  /** What applications are told, from the last sample and the sender's own count; a fresh sample if `mayAsk`. */
  stats(mayAsk: boolean, now: number): TransportStats {
    const { sampler, sender } = this;
    if (mayAsk && sampler.older(now, STATS_AGE_MS)) this.sample(now);
    const {
      cwndBytes,
      deliveryRateBytesPerSecond,
      sentPackets,
      receivedPackets,
      lostPackets,
      sentBytes,
      receivedBytes,
    } = sampler.latest;
    return {
      rttMs: sampler.rttMs,
      minRttMs: sampler.minRttMs,
      rttVarMs: sampler.rttVarMs,
      cwndBytes,
      bytesInFlight: sender.inFlightBytes,
      unsentBytes: sender.unsentBytes,
      deliveryRateBytesPerSecond,
      sentPackets,
      receivedPackets,
      lostPackets,
      sentBytes,
      receivedBytes,
      datagramBytes: sender.sizes.datagramBytes,
    };
  }

  /**
   * quiche 0.18 never finds out what was lost on the way to an address that the peer has left, but for two datagrams that
   * it sends again. So it follows a peer only while no more than that is in flight.
   */
  canMove(now: number): boolean {
    this.sample(now);
    // Window and room of the same moment. Without a stream to ask, only time tells.
    const room = streamRoom(this.backend, this.streams.values());
    if (room === undefined) return this.sender.quietFor(now) >= SETTLED_MS;
    return this.sampler.latest.cwndBytes - room <= MOVABLE_BYTES;
  }

  /** `known`, or where the peer has moved to. */
  follow(known: TransportAddress): TransportAddress {
    const remote = movedTo(known, this.backend.peerAddress());
    if (remote !== known) this.sampler.moved();
    return remote;
  }

  /** If a sample is due, takes it. The error to close with when the peer sends too much that is of no use. */
  problem(deliveredBytes: number, now: number): KwikError | undefined {
    const { guard, sampler, sender } = this;
    const progress = { packets: guard.unjudgedPackets, quietMs: sender.quietFor(now), settled: sender };
    if (!sampler.isDue(now, progress)) return undefined;
    this.sample(now);
    return guard.problem({ ...sampler.latest, deliveredBytes }, now);
  }
}

/** Zones, which backends do not know, stay: they are this end's interfaces. */
function movedTo(known: TransportAddress, { host, port }: BackendAddress): TransportAddress {
  if (port === known.port && host === withoutZone(known.address)) return known;
  const zone = zoneOf(known.address);
  return { ...known, address: zone !== undefined && isLinkLocal(host) ? `${host}%${zone}` : host, port };
}
