import type { PathFlow, PathMachine } from '@kwik/paths';
import type { PathReading, TransportStats } from '@kwik/wire';
import type { DataPath } from '../../core/data/data-path.js';
import type { ConnectionCounts } from './connection-counts.js';
import type { PathFigures } from './path-registry.js';

interface ReadPath {
  readonly id: number;
  readonly address: string;
  readonly serverId: string | undefined;
  readonly primary: boolean;
  readonly machine: PathMachine;
  readonly lossRate: number;
  readonly data: DataPath;
  readonly port: { readonly pool: { readonly size: number }; readonly certificateUntilMs: number };
  readonly keys: { readonly keyPackets: number; readonly renewals: number };
}

/** What is measured of a path that has a connection. */
export function figuresOf(
  { data, rttMs, keys }: Pick<ReadPath, 'data' | 'keys'> & { readonly rttMs: number },
  { lostPackets, sentBytes, receivedBytes, sentPackets }: ConnectionCounts,
  now: number,
): PathFigures {
  return {
    rttMs,
    deliveryRateBytesPerSecond: data.receiveRate.bytesPerSecond(now),
    sentBytes: data.sentBytes,
    receivedBytes: data.receivedBytes - data.duplicateBytes,
    duplicateBytes: data.duplicateBytes,
    lostPackets,
    reinjectedBytes: data.reinjectedBytes,
    wireSentBytes: sentBytes,
    wireReceivedBytes: receivedBytes,
    sentPackets,
    keyPackets: keys.keyPackets,
    renewals: keys.renewals,
  };
}

/** A path's counters and levels, as they stand. */
export function readingOf(
  { id, address, serverId, primary, machine, lossRate, data, port, keys }: ReadPath,
  stats: TransportStats,
  flow: PathFlow,
  now: number,
  unused: string,
): PathReading {
  return {
    pathId: id,
    address,
    server: serverId ?? '',
    primary,
    state: machine.state,
    flow,
    reason: machine.reason,
    unused,
    sinceMs: machine.sinceMs,
    rttMs: stats.rttMs,
    minRttMs: stats.minRttMs,
    rttVarMs: stats.rttVarMs,
    lossRate,
    windowBytes: Math.min(stats.cwndBytes, data.window.windowBytes),
    inFlightBytes: stats.bytesInFlight,
    receivedBytesPerSecond: data.receiveRate.bytesPerSecond(now),
    deliveryRateBytesPerSecond: stats.deliveryRateBytesPerSecond,
    datagramBytes: stats.datagramBytes,
    realStreams: port.pool.size,
    sentBytes: data.sentBytes,
    receivedBytes: data.receivedBytes - data.duplicateBytes,
    duplicateBytes: data.duplicateBytes,
    reinjectedBytes: data.reinjectedBytes,
    wireSentBytes: stats.sentBytes,
    wireReceivedBytes: stats.receivedBytes,
    sentPackets: stats.sentPackets,
    lostPackets: stats.lostPackets,
    keyPackets: keys.keyPackets,
    renewals: keys.renewals,
    certificateUntilMs: port.certificateUntilMs,
  };
}
