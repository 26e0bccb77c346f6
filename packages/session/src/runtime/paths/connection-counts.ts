import type { TransportStats } from '@kwik/wire';

/** What a path's connections have counted, all together. */
export type ConnectionCounts = Pick<TransportStats, 'sentPackets' | 'lostPackets' | 'sentBytes' | 'receivedBytes'>;

export const NOTHING_COUNTED: ConnectionCounts = { sentPackets: 0, lostPackets: 0, sentBytes: 0, receivedBytes: 0 };

export function addCounts(one: ConnectionCounts, other: ConnectionCounts): ConnectionCounts {
  return {
    sentPackets: one.sentPackets + other.sentPackets,
    lostPackets: one.lostPackets + other.lostPackets,
    sentBytes: one.sentBytes + other.sentBytes,
    receivedBytes: one.receivedBytes + other.receivedBytes,
  };
}
