import type { DirectionPlan, Fault, Plan, ServerPlan, StreamPlan } from '../plan/plan.js';

/** A plan in which nothing happens that is not said: 10 Mbit/s, 10 ms, and no work. */
export function planOf(
  parts: Partial<Omit<Plan, 'servers'>> & { readonly servers?: readonly Partial<ServerPlan>[] },
): Plan {
  const { servers = [{}], ...rest } = parts;
  return {
    seed: 1,
    clientLimits: {},
    serverLimits: {},
    clientOffsetMs: 0,
    homes: [],
    clientRouting: 'primary',
    serverRouting: 'distributed',
    scheduler: 'adaptive',
    streams: [],
    contents: [],
    contributions: [],
    raws: [],
    paths: servers.slice(1).map((_, index) => ({ atMs: 0, action: 'add', server: index + 1 })),
    faults: [],
    ...rest,
    servers: servers.map((server, index) => ({
      index,
      host: `10.0.0.${index + 1}`,
      shape: { both: { rateBitsPerSecond: 10e6, delayMs: 10, queueBytes: 60_000 } },
      offsetMs: 0,
      wallSkewMs: 0,
      replica: 'good',
      evil: [],
      ...server,
    })),
  };
}

export function faultOf(fault: Pick<Fault, 'kind' | 'atMs'> & Partial<Fault>): Fault {
  return { durationMs: 100, target: 0, home: 0, direction: 'both', severity: 0.5, ...fault };
}

export function directionOf(size: number, parts: Partial<DirectionPlan> = {}): DirectionPlan {
  return { seed: 7, size, chunkBytes: 1000, pauseMs: 0, reset: undefined, reader: { kind: 'eager' }, ...parts };
}

export function streamOf(name: string, parts: Partial<StreamPlan> = {}): StreamPlan {
  return {
    name,
    opener: 'client',
    startMs: 0,
    priority: 3,
    sync: true,
    forward: directionOf(1000),
    backward: undefined,
    ...parts,
  };
}
