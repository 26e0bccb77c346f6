import type { Clock, DiscoverySnapshot } from '@kwik/wire';
import type { DiscoverySource } from '../sources/discovery-source.js';
import { delay } from '../sources/waiting.js';

/** A source that fails is asked again after a second, then after waits that double up to this: well within 30 s (V2.4, V4.2). */
const FIRST_WAIT_MS = 1000;
const MAX_WAIT_MS = 15_000;

export interface SourceEvents {
  answered(source: DiscoverySource, snapshot: DiscoverySnapshot): void;
  failed(source: DiscoverySource, reason: string): void;
}

/** Asks a source until `signal` is aborted, again and again when it fails. Never rejects. */
export async function runSource(
  source: DiscoverySource,
  events: SourceEvents,
  { clock, random, signal }: { clock: Clock; random: () => number; signal: AbortSignal },
): Promise<void> {
  let waitMs = FIRST_WAIT_MS;
  const ended = () => signal.aborted;
  while (!ended()) {
    try {
      for await (const snapshot of source.watch(signal)) {
        if (ended()) return;
        waitMs = FIRST_WAIT_MS;
        events.answered(source, snapshot);
      }
      if (!ended()) events.failed(source, 'it ended');
    } catch (error) {
      if (!ended()) events.failed(source, error instanceof Error ? error.message : String(error));
    }
    // Half of the wait is jitter: clients that lost the same source at once do not come back at once.
    await delay(clock, waitMs * (0.5 + 0.5 * random()), signal);
    waitMs = Math.min(MAX_WAIT_MS, waitMs * 2);
  }
}
