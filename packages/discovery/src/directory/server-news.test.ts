import { expect, test } from '@jest/globals';
import { DiagnosticPublisher, type ServerDiscovered } from '@kwik/wire';
import { ServerNews } from './server-news.js';

function setUp() {
  const heard: ServerDiscovered[] = [];
  const publisher = new DiagnosticPublisher(() => ({
    hasSubscribers: true,
    publish: (event) => void heard.push(event as ServerDiscovered),
  }));
  const countOf = (kind: string) =>
    heard.reduce((sum, { change, count = 1 }) => (change === kind ? sum + count : sum), 0);
  return { heard, countOf, news: new ServerNews('films', publisher) };
}

test('10,000 changes at once are few messages, which count them all, and hide no change of another kind', () => {
  const { heard, countOf, news } = setUp();
  for (let n = 0; n < 10_000; n++) news.tell('found', `s${n}`, 0, () => 'named by dns');
  news.tell('lost', 's7', 0, () => 'dns names it no more');
  expect(heard).toHaveLength(33);
  expect(heard[0]).toEqual({ server: 's0', source: 'films', change: 'found', reason: 'named by dns' });
  expect(heard.at(-1)).toMatchObject({ server: 's7', change: 'lost' });
  for (const now of [1000, 4999]) news.tick(now);
  expect(heard).toHaveLength(33);
  news.tick(5000);
  expect(heard.at(-1)).toEqual({
    server: '',
    source: 'films',
    change: 'found',
    reason: 'too many to tell of each',
    count: 9968,
  });
  expect(countOf('found')).toBe(10_000);
});

test('servers that change all the time are an even trickle, and none is left out at the end', () => {
  const { heard, countOf, news } = setUp();
  for (let now = 0; now < 60_000; now += 10) {
    news.tell('changed', 'flapping', now, () => 'load 0.50');
    if (now % 1000 === 0) news.tick(now);
  }
  expect(heard.length).toBeLessThanOrEqual(32 + 60 + 12);
  expect(heard.length).toBeGreaterThan(60);
  news.end();
  expect(countOf('changed')).toBe(6000);
});

test('what nobody hears is not put into words', () => {
  const news = new ServerNews('films', new DiagnosticPublisher(() => ({ hasSubscribers: false, publish: fail })));
  news.tell('found', 'a', 0, fail);
});

function fail(): never {
  throw new Error('nobody listens');
}
