import type { LinkShape, RandomSource } from '@kwik/testbed';
import { between, chance, pick } from './draws.js';
import { RELAY_FAULT_KINDS, type RelayFault, type RelayPlan, type ServerPlan } from './plan.js';

const MAX_FAULTS = 3;
const LATEST_START_MS = 4000;
const MAX_DURATION_MS = 6000;

/** Some of the other servers are relays as well, in one seed of three; they do not only what they should. */
export function drawRelays(
  random: RandomSource,
  servers: readonly ServerPlan[],
  drawShape: () => LinkShape,
): RelayPlan[] {
  if (!chance(random, 1 / 3)) return [];
  const honest = servers.filter(({ index, evil }) => index > 0 && evil.length === 0);
  return honest.slice(0, 1 + random.below(3)).map(({ index }) => ({
    server: index,
    shape: drawShape(),
    faults: Array.from({ length: random.below(MAX_FAULTS + 1) }, () => drawFault(random)),
  }));
}

function drawFault(random: RandomSource): RelayFault {
  return {
    kind: pick(random, RELAY_FAULT_KINDS),
    atMs: random.below(LATEST_START_MS),
    durationMs: between(random, 20, MAX_DURATION_MS),
    severity: random.float(),
  };
}
