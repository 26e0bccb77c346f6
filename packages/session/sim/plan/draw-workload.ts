import type { RandomSource } from '@kwik/testbed';
import type { SessionLimits } from '../../src/api/options.js';
import { resolveLimits } from '../../src/limits.js';
import { between, chance, drawSize, pick } from './draws.js';
import type {
  ContentPlan,
  ContributionPlan,
  DirectionPlan,
  PathPlan,
  Plan,
  RawPlan,
  ReaderPlan,
  ServerPlan,
  StreamPlan,
} from './plan.js';

export interface Topology {
  readonly servers: readonly ServerPlan[];
  readonly clientLimits: SessionLimits;
  readonly serverLimits: SessionLimits;
}

type Workload = Pick<Plan, 'streams' | 'contents' | 'contributions' | 'raws' | 'paths'>;

const MAX_STREAMS = 10;
const MAX_STREAM_BYTES = 40_000;
const MAX_CONTENT_BYTES = 200_000;
const LATEST_START_MS = 3000;
const MAX_RAWS = 6;
const MAX_RAW_BYTES = 16 * 1024;

export function drawWorkload(random: RandomSource, topology: Topology): Workload {
  const secondaries = topology.servers.length - 1;
  const streams = Array.from({ length: random.below(MAX_STREAMS + 1) }, (_, i) =>
    drawStream(random, `stream ${i}`, mayStall(topology, i)),
  );
  const contents = Array.from({ length: pick(random, [0, 1, 1, 1, 2]) }, (_, i) => drawContent(random, `content ${i}`));
  const honest = topology.servers.some((server) => server.index > 0 && server.evil.length === 0);
  const contributions = Array.from({ length: honest ? pick(random, [0, 0, 1, 2]) : 0 }, (_, i) =>
    drawContribution(random, `contribution ${i}`),
  );
  const raws = Array.from({ length: secondaries > 0 ? random.below(MAX_RAWS + 1) : 0 }, (_, index): RawPlan => {
    const secondary = between(random, 1, secondaries + 1);
    const upward = chance(random, 0.5);
    return {
      index,
      atMs: random.below(LATEST_START_MS + 2000),
      from: upward ? secondary : 0,
      to: upward ? pick(random, [0, 0, between(random, 1, secondaries + 1)]) : secondary,
      size: random.below(chance(random, 0.2) ? MAX_RAW_BYTES : 500),
    };
  });
  return { streams, contents, contributions, raws, paths: drawPaths(random, topology.servers) };
}

/** One stalled reader per direction, and only where its window leaves room for the others in the session's. */
function mayStall(topology: Topology, index: number): boolean {
  if (index > 0) return false;
  return [topology.clientLimits, topology.serverLimits].every((limits) => {
    const { streamWindowBytes, pathWindowBytes, maxStreams } = resolveLimits(limits);
    return streamWindowBytes * 2 <= pathWindowBytes && maxStreams > 2;
  });
}

function drawStream(random: RandomSource, name: string, stallable: boolean): StreamPlan {
  const unidirectional = chance(random, 0.35);
  const stalled = stallable && chance(random, 0.5);
  return {
    name,
    opener: chance(random, 0.5) ? 'client' : 'primary',
    startMs: chance(random, 0.4) ? 0 : random.below(LATEST_START_MS),
    priority: random.below(8),
    sync: chance(random, 0.6),
    forward: drawDirection(random, stalled),
    backward: unidirectional ? undefined : drawDirection(random, false),
  };
}

function drawDirection(random: RandomSource, stalled: boolean): DirectionPlan {
  const size = drawSize(random, MAX_STREAM_BYTES);
  return {
    seed: 1 + random.below(1e9),
    size,
    chunkBytes: pick(random, [Math.max(1, Math.ceil(size / 40)), 1000, 4096, 20_000, MAX_STREAM_BYTES]),
    pauseMs: chance(random, 0.15) ? random.below(60) : 0,
    reset: chance(random, 0.12) ? { atByte: random.below(size + 1), code: random.below(1000) } : undefined,
    reader: stalled ? { kind: 'stalled' } : drawReader(random, size),
  };
}

function drawReader(random: RandomSource, size: number): ReaderPlan {
  if (chance(random, 0.75)) return { kind: 'eager' };
  if (chance(random, 0.6)) return { kind: 'slow', pauseMs: between(random, 1, 100) };
  return { kind: 'stop', atByte: random.below(size + 1), code: random.below(1000) };
}

function drawContent(random: RandomSource, name: string): ContentPlan {
  const size = chance(random, 0.15) ? drawSize(random, 70_000) : between(random, 60_000, MAX_CONTENT_BYTES);
  return {
    name,
    startMs: chance(random, 0.3) ? 0 : random.below(LATEST_START_MS),
    seed: 1 + random.below(1e9),
    head: drawSize(random, 3000),
    size,
    tail: drawSize(random, 3000),
    reader: drawReader(random, size),
  };
}

function drawContribution(random: RandomSource, name: string): ContributionPlan {
  const turns = 1 + random.below(3);
  return {
    name,
    startMs: between(random, 200, LATEST_START_MS),
    seed: 1 + random.below(1e9),
    parts: Array.from({ length: 2 * turns + 1 }, () => drawSize(random, 20_000)),
    pieceBytes: pick(random, [100, 1000, 5000, 20_000]),
  };
}

/** Most secondaries join at the beginning; some later, some leave, some come back. */
function drawPaths(random: RandomSource, servers: readonly ServerPlan[]): PathPlan[] {
  return servers
    .slice(1)
    .flatMap(({ index: server }): PathPlan[] => {
      const addMs = chance(random, 0.7) ? random.below(50) : random.below(LATEST_START_MS);
      const add: PathPlan = { atMs: addMs, action: 'add', server };
      if (chance(random, 0.75)) return [add];
      const removeMs = addMs + random.below(LATEST_START_MS);
      const remove: PathPlan = { atMs: removeMs, action: 'remove', server };
      if (chance(random, 0.5)) return [add, remove];
      return [add, remove, { atMs: removeMs + random.below(1000), action: 'add', server }];
    })
    .sort((a, b) => a.atMs - b.atMs);
}
