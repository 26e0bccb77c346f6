import type { ComponentReading, Counts } from '@kwik/wire';
import type { ListenerStats } from '../api/session.js';

/** A listener's counters, by family and label. Its socket counts for itself. */
export function listenerReading({ tokens, bounds, memory, callbackErrors }: ListenerStats): ComponentReading {
  return {
    counts: {
      tokens: { ...tokens },
      bounds: { ...bounds },
      memoryOverdrawn: { sessions: memory.overdrawn },
      callbackErrors: { all: sum(callbackErrors) },
    },
    levels: {
      memoryBytes: { held: memory.heldBytes, overhead: memory.overheadBytes, readAhead: memory.readAheadBytes },
    },
  };
}

/** The names of callbacks may be the application's own; how many there are of each, `stats()` tells. */
function sum(counts: Counts[string]): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
