import { describe, expect, test } from '@jest/globals';
import { readCorpus } from './corpus.js';
import { judge } from './judge.js';
import { TARGETS } from './targets/index.js';

/** A replay, not a search: `pnpm fuzz` searches. */
describe.each(TARGETS.map((target) => [target.name, target] as const))('%s', (name, target) => {
  const inputs = [...target.seeds().map((input, index) => ({ file: `seed ${index}`, input })), ...readCorpus(name)];

  test('keeps to the rules for every input of the corpus', async () => {
    const broken: string[] = [];
    for (const { file, input } of inputs) {
      const verdict = await judge(target, input);
      if (verdict.kind === 'broken') broken.push(`${file}: ${verdict.why}`);
    }
    expect(broken).toEqual([]);
  });

  test('has a corpus that leads to different outcomes', async () => {
    expect(readCorpus(name).length).toBeGreaterThan(0);
    const outcomes = new Set<string>();
    for (const { input } of inputs) {
      const verdict = await judge(target, input);
      if (verdict.kind === 'fine') outcomes.add(verdict.outcome);
    }
    expect(outcomes.size).toBeGreaterThan(1);
  });
});
