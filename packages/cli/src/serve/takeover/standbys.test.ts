import { beforeEach, expect, test } from '@jest/globals';
import { Standbys } from './standbys.js';

let nowMs: number;
let knocked: string[];
let up: Set<string>;
let told: string[];
let unable: Map<string, string>;
beforeEach(() => {
  nowMs = 0;
  knocked = [];
  up = new Set();
  told = [];
  unable = new Map();
});

function standbys(...addresses: string[]): Standbys {
  return new Standbys({
    addresses,
    knock: (address) => {
      knocked.push(address);
      return Promise.resolve(up.has(address) ? 1 : undefined);
    },
    check: ({ address }) => {
      const reason = unable.get(address);
      return Promise.resolve(reason === undefined ? { takes: 'yes', reason: '' } : { takes: 'no', reason });
    },
    now: () => nowMs,
    onUnable: (address, reason) => told.push(`${address} cannot: ${reason}`),
    onChosen: ({ server, answers }) => told.push(`${server?.address ?? 'none'} ${answers ? 'answers' : 'is silent'}`),
  });
}

/** What was asked for beside has its answer. */
async function later(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

test('the first in order that answers, however many do', async () => {
  up = new Set(['b:1', 'c:1']);
  expect(await standbys('a:1', 'b:1', 'c:1').choose()).toEqual({ address: 'b:1' });
  expect(told).toEqual(['b:1 answers']);
});

test('the preferred one where none answers: perhaps only this server does not reach it', async () => {
  expect(await standbys('a:1', 'b:1').choose()).toEqual({ address: 'a:1' });
  expect(told).toEqual(['a:1 is silent']);
});

test('one that answers no more is replaced by the next look, for which nobody waits, and is back when it answers', async () => {
  const chosen = standbys('a:1', 'b:1');
  up = new Set(['a:1', 'b:1']);
  expect(await chosen.choose()).toEqual({ address: 'a:1' });
  up = new Set(['b:1']);
  nowMs = 9999;
  expect(await chosen.choose()).toEqual({ address: 'a:1' });
  expect(knocked).toHaveLength(2);
  nowMs = 10_000;
  expect(await chosen.choose()).toEqual({ address: 'a:1' });
  await later();
  expect(await chosen.choose()).toEqual({ address: 'b:1' });
  up = new Set(['a:1']);
  nowMs = 20_000;
  await chosen.choose();
  await later();
  expect(await chosen.choose()).toEqual({ address: 'a:1' });
  expect(told).toEqual(['a:1 answers', 'b:1 answers', 'a:1 answers']);
});

test('many who ask at once have one look made', async () => {
  up = new Set(['a:1']);
  const chosen = standbys('a:1', 'b:1');
  await Promise.all(Array.from({ length: 100 }, () => chosen.choose()));
  nowMs = 10_000;
  await Promise.all(Array.from({ length: 100 }, () => chosen.choose()));
  await later();
  expect(knocked).toHaveLength(4);
  expect(told).toEqual(['a:1 answers']);
});

test('one that could open nothing is passed over, said once, and is taken when it can', async () => {
  up = new Set(['a:1', 'b:1']);
  unable.set('a:1', 'another key');
  const chosen = standbys('a:1', 'b:1');
  const again = async (): Promise<unknown> => {
    nowMs += 10_000;
    await chosen.choose();
    await later();
    return chosen.choose();
  };
  expect(await chosen.choose()).toEqual({ address: 'b:1' });
  expect(await again()).toEqual({ address: 'b:1' });
  unable.set('a:1', 'another clock').set('b:1', 'no key');
  expect(await again()).toBeUndefined();
  unable.clear();
  expect(await again()).toEqual({ address: 'a:1' });
  expect(told).toEqual([
    'a:1 cannot: another key',
    'b:1 answers',
    'a:1 cannot: another clock',
    'b:1 cannot: no key',
    'none is silent',
    'a:1 answers',
  ]);
});

test('one that said that it cannot is not named because it is silent now, and another one is', async () => {
  up = new Set(['a:1']);
  unable.set('a:1', 'another key');
  expect(await standbys('a:1', 'b:1').choose()).toEqual({ address: 'b:1' });
  expect(told).toEqual(['a:1 cannot: another key', 'b:1 is silent']);
});
