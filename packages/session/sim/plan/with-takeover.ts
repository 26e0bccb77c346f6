import { SeededRandom, type RandomSource } from '@kwik/testbed';
import { between, chance, pick } from './draws.js';
import type { ContentPlan, Fault, KillPlan, Plan, ServerPlan, StreamPlan, TakeoverPlan } from './plan.js';

const MAX_CONTENT_BYTES = 524_288;
const MAX_ECHO_BYTES = 40_000;
const LATEST_START_MS = 9000;
/** A session has its ticket by then, also over the worst of links. */
const LEAST_LIFE_MS = 3000;
/** Of a server that is killed and comes back: before its own standby can be killed. */
const MAX_RESTART_MS = 2000;
/** What disturbs a server that is to be killed must let its client get the ticket. */
const BEARABLE: readonly Fault['kind'][] = ['loss', 'burst', 'reorder', 'duplicate', 'corrupt', 'slow', 'delay'];
/** Long enough that clients go to the standby of a server that lives. */
const MAX_DURATION_MS = 5000;

/**
 * The same topology, clocks, limits and faults of links, but the first servers are a fleet, each with the next one as its standby
 * (the last with the first), and some are killed. The client gets contents, and has what it sends sent back.
 */
export function withTakeover(plan: Plan): Plan {
  const random = new SeededRandom(plan.seed).fork('takeover');
  const [first, ...others] = plan.servers;
  const all = others.length > 0 ? plan.servers : [first!, { ...first!, index: 1, host: '10.0.0.2' }];
  const fleet = all.length > 2 && chance(random, 0.3) ? 3 : 2;
  const servers = all.map((server): ServerPlan => {
    return server.index < fleet ? { ...server, replica: 'good', evil: [] } : { ...server, evil: [] };
  });
  const takeover = drawTakeover(random, fleet);
  const { spender: _, relays: __, scaling: ___, ...rest } = plan;
  return {
    ...rest,
    ...{ servers, takeover, contributions: [], raws: [], paths: [] },
    contents: Array.from({ length: between(random, 1, 4) }, (_one, index) => drawContent(random, index)),
    streams: Array.from({ length: random.below(5) }, (_one, index) => drawEcho(random, index)),
    faults: plan.faults.map((fault) => bearable(random, fault, takeover)),
  };
}

function drawTakeover(random: RandomSource, fleet: number): TakeoverPlan {
  const kill = (): KillPlan => ({
    afterMs: between(random, LEAST_LIFE_MS, 8000),
    restartMs: between(random, 50, MAX_RESTART_MS),
  });
  // None: then only faults make clients go.
  const kills = Array.from({ length: pick(random, [0, 1, 1, 1, 1, 2, 3]) }, kill);
  const all = kills.length > 0 && chance(random, 0.15);
  return { fleet, kills, all };
}

function drawContent(random: RandomSource, index: number): ContentPlan {
  const size = chance(random, 0.2) ? random.below(70_000) : between(random, 60_000, MAX_CONTENT_BYTES);
  const startMs = random.below(LATEST_START_MS);
  const reader = chance(random, 0.2)
    ? ({ kind: 'slow', pauseMs: between(random, 5, 50) } as const)
    : ({ kind: 'eager' } as const);
  return { name: `content ${index}`, startMs, seed: 1 + random.below(1e9), head: 0, size, tail: 0, reader };
}

function drawEcho(random: RandomSource, index: number): StreamPlan {
  const reader = { kind: 'eager' } as const;
  const size = random.below(MAX_ECHO_BYTES);
  const chunkBytes = pick(random, [10, 1000, 10_000]);
  const pauseMs = pick(random, [0, 0, 20]);
  return {
    ...{ name: `echo ${index}`, opener: 'client', startMs: random.below(LATEST_START_MS), priority: random.below(8) },
    ...{ sync: true, backward: undefined },
    forward: { seed: 1 + random.below(1e9), size, chunkBytes, pauseMs, reset: undefined, reader },
  };
}

/** Nothing but the plan of kills ends processes of the fleet. */
function bearable(random: RandomSource, fault: Fault, { fleet, kills }: TakeoverPlan): Fault {
  const durationMs = Math.min(fault.durationMs, MAX_DURATION_MS);
  if (fault.target === 'client' || fault.target >= fleet) return { ...fault, durationMs };
  const deadly = ['crash', 'usurp'].includes(fault.kind);
  if (kills.length === 0 && !deadly) return { ...fault, durationMs };
  return { ...fault, durationMs, kind: BEARABLE.includes(fault.kind) ? fault.kind : pick(random, BEARABLE) };
}
