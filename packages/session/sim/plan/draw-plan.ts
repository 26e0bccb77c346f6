import { SCHEDULER_NAMES } from '@kwik/scheduler';
import { SeededRandom, type LinkShape, type RandomSource } from '@kwik/testbed';
import type { SessionLimits } from '../../src/api/options.js';
import { drawFaults } from './draw-faults.js';
import {
  EVIL_KINDS,
  SPEND_KINDS,
  TIGHT_PACKETS_PER_KEY,
  type EvilPlan,
  type Plan,
  type ReplicaKind,
  type ServerPlan,
} from './plan.js';
import { chance, pick } from './draws.js';
import { drawRelays } from './draw-relays.js';
import { drawWorkload } from './draw-workload.js';
import { withDiscovery } from './with-discovery.js';
import { withScaling } from './with-scaling.js';
import { withTakeover } from './with-takeover.js';

const MAX_SECONDARIES = 4;
/** Clocks of different machines: up to days apart in their zero points, some seconds in their time of day. */
const MAX_OFFSET_MS = 1e8;
const MAX_WALL_SKEW_MS = 10_000;
/** The least that the session allows for a window: one packet of the largest size. */
const LEAST_WINDOW_BYTES = 65_536;
const LEAST_PACKETS_PER_KEY = 200;

/** What a plan is made for: any work, servers that come and go, primaries that are killed, or servers that are found. */
export type PlanKind = 'work' | 'scaling' | 'takeover' | 'discovery';

/** `all`: one kind after the other, seed by seed. */
export function kindOfSeed(seed: number, kind: PlanKind | 'all'): PlanKind {
  const kinds = ['work', 'scaling', 'takeover', 'discovery'] as const;
  return kind === 'all' ? kinds[seed % kinds.length]! : kind;
}

/** The plan of a seed, as the command line has it. */
export function planOfSeed(seed: number, kind: PlanKind): Plan {
  const plan = drawPlan(seed);
  if (kind === 'takeover') return withTakeover(plan);
  if (kind === 'discovery') return withDiscovery(plan);
  return kind === 'scaling' ? withScaling(plan) : plan;
}

/** Draws the whole plan of a seed. Parts have random sources of their own, so that a change of one leaves the others. */
export function drawPlan(seed: number): Plan {
  const random = new SeededRandom(seed);
  const servers = drawServers(random.fork('servers'));
  const limits = random.fork('limits');
  const clientLimits = drawLimits(limits);
  const serverLimits = drawLimits(limits);
  const keys = drawKeys(random.fork('keys'));
  const topology = {
    ...{ seed, servers },
    clientLimits: { ...clientLimits, ...keys },
    serverLimits: { ...serverLimits, ...keys },
  };
  const workload = drawWorkload(random.fork('workload'), topology);
  const client = random.fork('client');
  const homes = Array.from({ length: pick(client, [0, 0, 0, 1, 2]) }, () => drawShape(client));
  const ways = random.fork('relays');
  const relays = drawRelays(ways, servers, () => drawShape(ways));
  const faults = drawFaults(random.fork('faults'), servers.length, homes.length);
  return {
    ...topology,
    clientOffsetMs: client.below(MAX_OFFSET_MS),
    homes,
    clientRouting: pick(client, ['primary', 'distributed']),
    serverRouting: pick(client, ['distributed', 'distributed', 'primary']),
    scheduler: pick(client, SCHEDULER_NAMES),
    ...workload,
    faults,
    ...drawSpender(random.fork('spender')),
    ...(relays.length > 0 && { relays }),
  };
}

function drawServers(random: RandomSource): ServerPlan[] {
  // One secondary is the most common case, and the most telling are those with several.
  const count = 1 + pick(random, [0, 1, 1, 2, 2, 3, MAX_SECONDARIES]);
  return Array.from({ length: count }, (_, index) => {
    const secondary = index > 0;
    const byzantine = secondary && chance(random, 0.12);
    return {
      index,
      host: `10.0.0.${index + 1}`,
      shape: drawShape(random),
      offsetMs: random.below(MAX_OFFSET_MS),
      wallSkewMs: random.below(2 * MAX_WALL_SKEW_MS) - MAX_WALL_SKEW_MS,
      replica: secondary ? drawReplica(random) : 'good',
      evil: byzantine ? drawEvil(random) : [],
    };
  });
}

function drawSpender(random: RandomSource): Pick<Plan, 'spender'> {
  if (!chance(random, 0.1)) return {};
  return { spender: { atMs: random.below(1000), kind: pick(random, SPEND_KINDS), packets: 10 + random.below(90) } };
}

function drawReplica(random: RandomSource): ReplicaKind {
  return pick(random, ['good', 'good', 'good', 'good', 'good', 'none', 'liar', 'failing', 'short', 'slow']);
}

function drawEvil(random: RandomSource): EvilPlan[] {
  return Array.from({ length: 1 + random.below(4) }, () => ({
    atMs: random.below(3000),
    kind: pick(random, EVIL_KINDS),
  }));
}

function drawShape(random: RandomSource): LinkShape {
  const rateBitsPerSecond = pick(random, [1, 2, 5, 10, 20, 50, 100]) * 1e6;
  const delayMs = pick(random, [0.2, 1, 5, 10, 20, 40, 80, 150]) * (0.8 + random.float() * 0.4);
  const queueBytes = Math.max(8000, Math.round((rateBitsPerSecond / 8) * (0.01 + random.float() * 0.1)));
  const both = { rateBitsPerSecond, delayMs, queueBytes };
  return {
    both,
    up: {
      ...(chance(random, 0.2) && { rateBitsPerSecond: Math.max(5e5, rateBitsPerSecond / 4) }),
      ...(chance(random, 0.2) && { lossRate: random.float() * 0.03 }),
      ...(chance(random, 0.2) && { jitterMs: delayMs / 4 }),
    },
    down: {
      ...(chance(random, 0.25) && { lossRate: random.float() * 0.03 }),
      ...(chance(random, 0.1) && { reorderRate: random.float() * 0.05 }),
    },
  };
}

/** Mostly such as are never used up; some are soon and again and again, also while a path is out of order. */
function drawKeys(random: RandomSource): Pick<SessionLimits, 'packetsPerKey'> {
  const few = LEAST_PACKETS_PER_KEY + random.below(TIGHT_PACKETS_PER_KEY - LEAST_PACKETS_PER_KEY);
  const many = 2 * TIGHT_PACKETS_PER_KEY + random.below(4 * TIGHT_PACKETS_PER_KEY);
  const packetsPerKey = pick(random, [few, many, undefined, undefined]);
  return packetsPerKey === undefined ? {} : { packetsPerKey };
}

/** Mostly the defaults; sometimes the smallest that work. */
function drawLimits(random: RandomSource): SessionLimits {
  const small = chance(random, 0.4);
  const streamWindowBytes = LEAST_WINDOW_BYTES * (1 + random.below(3));
  return {
    ...(small && { streamWindowBytes, pathWindowBytes: streamWindowBytes * (2 + random.below(3)) }),
    ...(chance(random, 0.3) && { sendBufferBytes: pick(random, [200, 1000, 4096, 20_000]) }),
    ...(chance(random, 0.3) && { maxStreams: 1 + random.below(6) }),
  };
}
