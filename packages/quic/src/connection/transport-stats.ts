import type { TransportStats } from '@kwik/wire';
import type { PathSampler } from './path-sampler.js';
import type { Sender } from './sender.js';

/** What applications are told, from the last sample and the sender's own count. */
export function transportStats(sampler: PathSampler, sender: Sender): TransportStats {
  const { cwndBytes, deliveryRateBps, sentPackets, lostPackets, sentBytes, receivedBytes } = sampler.latest;
  return {
    rttMs: sampler.rttMs,
    minRttMs: sampler.minRttMs,
    rttVarMs: sampler.rttVarMs,
    cwndBytes,
    bytesInFlight: sender.inFlightBytes,
    unsentBytes: sender.unsentBytes,
    deliveryRateBps,
    sentPackets,
    lostPackets,
    sentBytes,
    receivedBytes,
    datagramBytes: sender.sizes.datagramBytes,
  };
}
