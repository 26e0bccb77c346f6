import { SeededRandom } from '@kwik/testbed';
import type { Schedule, Setting } from './settings.js';

/** One cut of a plan; the next one follows its healing after `upMs`. */
export interface PlannedOutage {
  readonly victims: readonly number[];
  readonly downMs: number;
  readonly upMs: number;
}

/** Same seed, same cuts: another contender is cut in the same way. */
export function planOutages(
  { links, cut }: Pick<Setting, 'links' | 'cut'>,
  schedule: Schedule,
  seed: number,
): PlannedOutage[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: schedule.cuts }, (_, index) => ({
    victims: chooseVictims(links, cut, random),
    downMs: (index + 1) % schedule.longEvery === 0 ? schedule.longDownMs : schedule.downMs,
    upMs: schedule.upMs + random.float() * schedule.randomMs,
  }));
}

export function totalMs(plan: readonly PlannedOutage[], { settleMs }: Schedule): number {
  return plan.reduce((sum, { downMs, upMs }) => sum + downMs + upMs, settleMs);
}

function chooseVictims(links: number, cut: number, random: SeededRandom): number[] {
  const left = Array.from({ length: links }, (_, link) => link);
  return Array.from({ length: cut }, () => left.splice(random.below(left.length), 1)[0]!).sort((a, b) => a - b);
}
