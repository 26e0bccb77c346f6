import { createDiscovery, type DiscoverySource, type OwnDiscovery } from '@kwik/discovery';
import { SeededRandom, type ProcessClock } from '@kwik/testbed';
import { KwikError, type ServerRecord } from '@kwik/wire';
import type { Announcements } from './announcements.js';
import type { World } from './world.js';

/** How often a source looks. What is announced is heard within this. */
export const LOOK_MS = 250;
/** What has not changed is said again so often, and believed for so long. */
const REFRESH_MS = 5000;
const TTL_MS = 20_000;
export const SOURCES = [0, 1];

interface FoundServersOptions {
  readonly announcements: Announcements;
  readonly process: ProcessClock;
  readonly skewMs: number;
  /** Takes whatever it is told: a bug that is planted. */
  readonly trusting: boolean;
}

/** Discovery of one process: two sources, which hear what is announced and know nothing of who may. */
export function findServers(world: World, options: FoundServersOptions): OwnDiscovery {
  const { announcements, process, skewMs, trusting } = options;
  const random = new SeededRandom(world.plan.seed).fork(`discovery ${skewMs}`);
  return createDiscovery({
    sources: SOURCES.map((source) => sourceOf(options, source)),
    clock: process,
    random: () => random.float(),
    wallClockMs: () => world.wallClockMs(skewMs),
    policy: { owner: 'simulated' },
    ...(!trusting && { verifier: announcements.verifier }),
    judge: {
      refusal: ({ serverId }) => {
        const server = world.plan.servers.find(({ host }) => host === serverId);
        return server !== undefined && announcements.is('refused', server.index) ? 'it broke a rule' : undefined;
      },
      score: () => 1,
    },
    onError: (error) => world.violate('nothing throws', String(error)),
  });
}

function sourceOf({ announcements, process, trusting }: FoundServersOptions, source: number): DiscoverySource {
  return {
    name: `source ${source}`,
    async *watch(signal) {
      let said = '';
      let saidMs = -Infinity;
      for (;;) {
        await pause(process, LOOK_MS, signal);
        if (signal.aborted) return;
        const trouble = announcements.trouble(source);
        if (trouble === 'fail') throw new KwikError('ERR_KWIK_CONNECT_FAILED', 'the source is down');
        if (trouble === 'silent') continue;
        const records = announcements.records(source);
        const text = records.map(keyOf).join();
        if (text === said && process.now() < saidMs + REFRESH_MS) continue;
        said = text;
        saidMs = process.now();
        const heard = trusting ? records.map((record) => ({ ...record, signature: undefined })) : records;
        yield { servers: heard.map((record) => ({ record, ttlMs: TTL_MS })) };
      }
    },
  };
}

function keyOf({ serverId, signature }: ServerRecord): string {
  return `${serverId} ${signature?.value ?? ''}`;
}

function pause(process: ProcessClock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = process.schedule(ms, end);
    signal.addEventListener('abort', end);
  });
}
