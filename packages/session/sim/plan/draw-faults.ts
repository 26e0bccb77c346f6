import type { RandomSource } from '@kwik/testbed';
import { between, chance, pick } from './draws.js';
import { FAULT_KINDS, type Fault } from './plan.js';

const MAX_FAULTS = 5;
/** Faults begin while there is work, and end soon enough that a seed stays cheap. */
const LATEST_START_MS = 4000;
const MAX_DURATION_MS = 6000;

/** Any number of faults of any server, also several at once; one seed in six has none, and must run without a scratch. */
export function drawFaults(random: RandomSource, servers: number, homes: number): Fault[] {
  if (chance(random, 1 / 6)) return [];
  // Of the primary more rarely: it holds up most of what else could be seen.
  const primaryToo = chance(random, 0.4);
  return Array.from({ length: 1 + random.below(MAX_FAULTS) }, () => drawFault(random, servers, homes, primaryToo)).sort(
    (a, b) => a.atMs - b.atMs,
  );
}

function drawFault(random: RandomSource, servers: number, homes: number, primaryToo: boolean): Fault {
  const kind = pick(random, FAULT_KINDS);
  const secondary = servers > 1 ? between(random, 1, servers) : undefined;
  const anybody = random.below(servers);
  const client = kind === 'sleep' && chance(random, 0.3);
  const onServer = primaryToo ? anybody : (secondary ?? 0);
  // With nobody else to suffer, the primary gets what it can stand.
  const bearable = !primaryToo && secondary === undefined;
  const durationMs = bearable || chance(random, 0.5) ? between(random, 20, 800) : between(random, 100, MAX_DURATION_MS);
  return {
    kind: bearable && ['crash', 'usurp', 'break'].includes(kind) ? 'loss' : kind,
    atMs: random.below(LATEST_START_MS),
    durationMs: client && !primaryToo ? Math.min(durationMs, 800) : durationMs,
    target: client ? 'client' : onServer,
    home: onServer === 0 ? random.below(homes + 1) : 0,
    direction: pick(random, ['up', 'down', 'both'] as const),
    severity: random.float(),
  };
}
