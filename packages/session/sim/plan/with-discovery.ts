import { SeededRandom, type LinkShape, type RandomSource } from '@kwik/testbed';
import { between, chance, pick } from './draws.js';
import { ANNOUNCEMENT_KINDS, type AnnouncementPlan, type ContentPlan, type Fault, type Plan } from './plan.js';

const MAX_RATE_BPS = 2e6;
const MIN_CONTENT_BYTES = 60_000;
const MAX_CONTENT_BYTES = 400_000;
const MAX_CONTENTS = 4;
const MAX_ANNOUNCEMENTS = 12;
/** Both registries have heard of all that is announced from the beginning by then. */
const FIRST_FORGERY_MS = 3000;
const LATEST_START_MS = 60_000;
const MAX_DURATION_MS = 25_000;
/** A source that says nothing new may name a server for longer than it is there. */
const MAX_TROUBLE_MS = 15_000;

/**
 * The same topology, faults and clocks, but the client dials a service, nobody adds servers, and the primary keeps paths to those
 * that discovery knows. All of it is spread over a minute, so that servers are lost in peace and amid other trouble.
 */
export function withDiscovery(plan: Plan): Plan {
  const random = new SeededRandom(plan.seed).fork('discovery');
  const others = plan.servers.length - 1;
  const contents = Array.from({ length: between(random, 1, MAX_CONTENTS + 1) }, (_, index) =>
    drawContent(random, index),
  );
  const { relays: _relays, spender: _spender, scaling: _scaling, ...rest } = plan;
  return {
    ...rest,
    ...{ contents, contributions: [], raws: [], paths: [] },
    servers: plan.servers.map((server) => ({ ...server, shape: slowed(server.shape) })),
    faults: [...plan.faults.map((fault) => later(random, fault)), ...drawLosses(random, others)],
    discovery: {
      count: between(random, 1, 3),
      deadPrimaries: random.below(3),
      announcements: knownReplays(
        Array.from({ length: random.below(MAX_ANNOUNCEMENTS + 1) }, () => drawAnnouncement(random, others)),
      ),
    },
  };
}

function drawContent(random: RandomSource, index: number): ContentPlan {
  const size = between(random, MIN_CONTENT_BYTES, MAX_CONTENT_BYTES);
  const startMs = random.below(LATEST_START_MS);
  const reader = { kind: 'eager' } as const;
  return { name: `content ${index}`, startMs, seed: 1 + random.below(1e9), head: 0, size, tail: 0, reader };
}

function drawAnnouncement(random: RandomSource, others: number): AnnouncementPlan {
  const kind = pick(random, ANNOUNCEMENT_KINDS);
  const forged = ['stranger', 'forge', 'unsigned', 'alter', 'replay', 'stale'].includes(kind);
  // What is announced late is absent from the beginning.
  const early = kind === 'absent' && chance(random, 0.4);
  const atMs = early ? 0 : between(random, FIRST_FORGERY_MS, LATEST_START_MS);
  const most = ['fail', 'silent'].includes(kind) ? MAX_TROUBLE_MS : MAX_DURATION_MS;
  const durationMs = between(random, 500, most);
  const server = others === 0 || (forged && chance(random, 0.3)) ? 0 : between(random, 1, others + 1);
  // Of the primary nothing but forgeries: without it there is no session.
  const bearable = server > 0 || forged || ['fail', 'silent'].includes(kind) ? kind : 'stranger';
  return { kind: bearable, atMs, durationMs, server, source: random.below(2) };
}

/** A replay cannot be told by who never heard the newer word: of servers that are announced late, there is none. */
function knownReplays(announcements: readonly AnnouncementPlan[]): AnnouncementPlan[] {
  const late = announcements.filter(({ kind, atMs }) => kind === 'absent' && atMs === 0).map(({ server }) => server);
  return announcements.map((one) =>
    one.kind === 'replay' && late.includes(one.server) ? { ...one, kind: 'forge' } : one,
  );
}

/** Servers that are lost in peace: when all before is forgotten, so that whoever is left must take their places. */
function drawLosses(random: RandomSource, others: number): Fault[] {
  if (others === 0 || chance(random, 0.3)) return [];
  const how = { home: 0, direction: 'both', severity: 0 } as const;
  return Array.from({ length: between(random, 1, 3) }, () => ({
    ...{ kind: pick(random, ['crash', 'cut'] as const), target: between(random, 1, others + 1), ...how },
    ...{ atMs: between(random, LATEST_START_MS, LATEST_START_MS + 30_000), durationMs: between(random, 8000, 40_000) },
  }));
}

/** Of other servers than the primary at any time. */
function later(random: RandomSource, fault: Fault): Fault {
  const movable = fault.target !== 'client' && fault.target !== 0;
  return movable ? { ...fault, atMs: fault.atMs + random.below(LATEST_START_MS) } : fault;
}

/** Slow enough that contents take a while. */
function slowed({ both, ...rest }: LinkShape): LinkShape {
  const { rateBitsPerSecond = MAX_RATE_BPS } = both ?? {};
  return { ...rest, both: { ...both, rateBitsPerSecond: Math.min(rateBitsPerSecond, MAX_RATE_BPS) } };
}
