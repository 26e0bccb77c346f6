import type { ComponentReading } from '@kwik/wire';
import type { EndpointStats } from './endpoint-stats.js';

/** An endpoint's counters, by family and label. */
export function endpointReading(stats: EndpointStats): ComponentReading {
  return {
    counts: {
      datagrams: { sent: stats.datagramsSent, received: stats.datagramsReceived },
      datagramBytes: { sent: stats.bytesSent, received: stats.bytesReceived },
      dropped: { ...stats.dropped },
      socketErrors: { ...stats.socketErrors },
      connections: {
        accepted: stats.accepted,
        dialled: stats.dialled,
        failed: stats.failedHandshakes,
        refused: stats.refused,
      },
      answers: {
        retry: stats.retriesSent,
        versionNegotiation: stats.versionNegotiationsSent,
        reset: stats.resetsSent,
      },
      handlerErrors: { all: stats.handlerErrors },
    },
    levels: { connections: { open: stats.connections - stats.halfOpen, halfOpen: stats.halfOpen } },
  };
}
