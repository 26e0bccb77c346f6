import type { ComponentReading, CounterRegistry, Counts } from '@kwik/wire';
import type { ListenerStats } from '../api/listener.js';
import type { OverloadStats } from '../api/overload.js';
import type { RelayStats } from '../api/relays.js';

/** Its counters are found from now on, until what is returned is called. */
export function countListener(counters: CounterRegistry, stats: () => ListenerStats, isRelay: boolean): () => void {
  const leave = [counters.add({ kind: 'component', component: 'listener', read: () => listenerReading(stats()) })];
  leave.push(counters.add({ kind: 'component', component: 'overload', read: () => overloadReading(stats().overload) }));
  if (isRelay) {
    leave.push(counters.add({ kind: 'component', component: 'relay', read: () => relayReading(stats().relay) }));
  }
  return () => {
    for (const one of leave) one();
  };
}

/** A listener's counters, by family and label. Its socket counts for itself. */
function listenerReading({ tokens, bounds, memory, callbackErrors }: ListenerStats): ComponentReading {
  return {
    counts: {
      tokens: { ...tokens },
      bounds: { ...bounds },
      memoryOverdrawn: { sessions: memory.overdrawn },
      callbackErrors: { all: sum(callbackErrors) },
    },
    levels: {
      memoryBytes: {
        held: memory.heldBytes,
        overhead: memory.overheadBytes,
        readAhead: memory.readAheadBytes,
        writeAhead: memory.writeAheadBytes,
      },
    },
  };
}

/** What a listener gave up for want of memory or processor time. */
function overloadReading({ level, pressure, steps, refused, idleEnded }: OverloadStats): ComponentReading {
  return {
    counts: { events: { steps, refused, idleEnded } },
    levels: { pressure: { ...pressure }, steps: { inForce: level } },
  };
}

/** What a listener forwards as a relay. */
function relayReading({ connections, forwardedDatagrams, forwardedBytes, dropped }: RelayStats): ComponentReading {
  return {
    counts: { forwarded: { datagrams: forwardedDatagrams, bytes: forwardedBytes }, dropped: { ...dropped } },
    levels: { flows: { open: connections } },
  };
}

/** The names of callbacks may be the application's own; how many there are of each, `stats()` tells. */
function sum(counts: Counts[string]): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
