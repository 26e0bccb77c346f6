import { describe, expect, test } from '@jest/globals';
import { PATH_STATES } from '../state/path-state.js';
import {
  contentUse,
  healthOf,
  isAlive,
  isAvailable,
  isConnected,
  needsReinjection,
  ranksAbove,
  schedulableState,
  type ContentUse,
  type PathHealth,
} from './path-health.js';

interface Answers {
  readonly alive: boolean;
  readonly connected: boolean;
  readonly available: boolean;
  /** What it owes is sent elsewhere. */
  readonly reinjected: boolean;
  readonly scheduler: ReturnType<typeof schedulableState>;
  /** Beside a path that is available, and without one. */
  readonly content: readonly [ContentUse, ContentUse];
  /** 0 for the best default path. */
  readonly rank: number;
}

/** Each health, and what each question answers. */
const TRUTH = table(`
  health     | alive connected available reinjected scheduler  content           rank
  active     | yes   yes       yes       no         active     ask     ask       0
  degraded   | yes   yes       yes       no         degraded   ask     ask       0
  settling   | yes   yes       no        no         degraded   replace ask       1
  stalled    | yes   yes       no        yes        suspected  replace replace   2
  suspected  | yes   yes       no        yes        suspected  replace replace   2
  draining   | yes   yes       no        no         suspected  await   await     3
  suspended  | yes   yes       no        no         suspected  await   await     4
  validating | yes   no        no        no         suspected  ask     ask       5
  connecting | yes   no        no        no         suspected  replace replace   5
  recovering | yes   no        no        no         suspected  replace replace   5
  dead       | no    no        no        no         suspected  replace replace   5
`);

describe('the health of a path', () => {
  test('is known for every state and flow', () => {
    expect(Object.keys(TRUTH).sort()).toEqual([...PATH_STATES, 'settling', 'stalled'].sort());
    for (const state of PATH_STATES) {
      const works = state === 'active' || state === 'degraded';
      expect(healthOf(state, 'steady')).toBe(state);
      expect(healthOf(state, 'stalled')).toBe(works ? 'stalled' : state);
      expect(healthOf(state, 'settling')).toBe(works ? 'settling' : state);
    }
  });

  test.each(Object.entries(TRUTH) as [PathHealth, Answers][])('%s answers each question', (health, answers) => {
    expect({
      alive: isAlive(health),
      connected: isConnected(health),
      available: isAvailable(health),
      reinjected: needsReinjection(health),
      scheduler: schedulableState(health),
      content: [contentUse(health, true), contentUse(health, false)],
      rank: answers.rank,
    }).toEqual(answers);
    for (const [other, { rank }] of Object.entries(TRUTH)) {
      expect([other, ranksAbove(health, other as PathHealth)]).toEqual([other, answers.rank < rank]);
    }
  });

  test('what is available is connected, and nothing available is reinjected or refused content', () => {
    for (const [health, { connected, available, reinjected, content }] of Object.entries(TRUTH)) {
      if (available) expect([health, connected, reinjected, ...content]).toEqual([health, true, false, 'ask', 'ask']);
    }
  });
});

function table(text: string): Readonly<Record<PathHealth, Answers>> {
  const rows = text.trim().split('\n').slice(1);
  return Object.fromEntries(
    rows.map((row) => {
      const [health, , alive, connected, available, reinjected, scheduler, beside, alone, rank] = row
        .trim()
        .split(/\s+/);
      const yes = (word: string | undefined): boolean => word === 'yes';
      const answers = {
        alive: yes(alive),
        connected: yes(connected),
        available: yes(available),
        reinjected: yes(reinjected),
        scheduler,
        content: [beside, alone],
        rank: Number(rank),
      };
      return [health, answers];
    }),
  ) as Record<PathHealth, Answers>;
}
