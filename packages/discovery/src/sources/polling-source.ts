import { checkOptions, optionRules, type Clock } from '@kwik/wire';
import { makeRecord, type RecordInput } from '../core/records/server-record.js';
import { systemClock } from './system-clock.js';
import type { DiscoverySource } from './discovery-source.js';
import { delay } from './waiting.js';

export interface PollingOptions {
  readonly name: string;
  /** Default: 10,000 milliseconds. */
  readonly intervalMs?: number;
  /** All servers there are now. A rejection makes the source stale; it is asked again. */
  readonly read: (signal: AbortSignal) => Promise<readonly RecordInput[]>;
  readonly clock?: Clock;
}

const { call, clock: aClock, group, positiveMilliseconds, text } = optionRules;
const RULES = group<PollingOptions>({ name: text, intervalMs: positiveMilliseconds, read: call, clock: aClock }, [
  'name',
  'read',
]);

/**
 * A source of whatever can be asked for a list of servers. Throws ERR_KWIK_INVALID_ARGUMENT, which names the member that is
 * wrong.
 */
export function pollingSource(options: PollingOptions): DiscoverySource {
  checkOptions(options, { call: 'pollingSource', root: RULES });
  const { name, intervalMs = 10_000, read, clock = systemClock() } = options;
  return {
    name,
    async *watch(signal) {
      for (;;) {
        const problems: string[] = [];
        const servers = (await read(signal)).flatMap((input) => {
          try {
            return [{ record: makeRecord(input), ttlMs: undefined }];
          } catch (error) {
            problems.push(error instanceof Error ? error.message : String(error));
            return [];
          }
        });
        yield { servers, problems };
        await delay(clock, intervalMs, signal);
        if (signal.aborted) return;
      }
    },
  };
}
