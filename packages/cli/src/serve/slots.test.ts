import { expect, test } from '@jest/globals';
import { Slots } from './slots.js';

const wanted = new AbortController().signal;
const turn = (): Promise<void> => new Promise(setImmediate);

/** Work that ends when it is told to. */
function job(): { readonly work: () => Promise<string>; readonly end: () => void; readonly begun: () => boolean } {
  let begun = false;
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const work = async (): Promise<string> => {
    begun = true;
    await ended;
    return 'done';
  };
  return { work, end: () => end(), begun: () => begun };
}

test('runs so many at a time, the others in the order in which they came', async () => {
  const slots = new Slots('tests', { limit: 2, maxWaiting: 8 });
  const jobs = [job(), job(), job(), job()];
  const results = jobs.map(({ work }) => slots.run(wanted, work));
  await turn();
  expect(jobs.map(({ begun }) => begun())).toEqual([true, true, false, false]);
  jobs[1]!.end();
  await turn();
  expect(jobs.map(({ begun }) => begun())).toEqual([true, true, true, false]);
  for (const { end } of jobs) end();
  expect(await Promise.all(results)).toEqual(['done', 'done', 'done', 'done']);
});

test('who is one too many is told, and the others are served', async () => {
  const slots = new Slots('tests', { limit: 1, maxWaiting: 1 });
  const jobs = [job(), job(), job()];
  const results = jobs.map(({ work }) => slots.run(wanted, work));
  await expect(results[2]).rejects.toMatchObject({
    code: 'ERR_KWIK_LIMIT_EXCEEDED',
    message: expect.stringContaining('tests'),
  });
  for (const { end } of jobs) end();
  expect(await Promise.all(results.slice(0, 2))).toEqual(['done', 'done']);
});

test('who leaves gives the place to the next', async () => {
  const slots = new Slots('tests', { limit: 1, maxWaiting: 2 });
  const [first, second, third] = [job(), job(), job()];
  const leaving = new AbortController();
  const running = slots.run(wanted, first.work);
  const left = slots.run(leaving.signal, second.work);
  const last = slots.run(wanted, third.work);
  leaving.abort();
  await expect(left).rejects.toMatchObject({ code: 'ERR_KWIK_ABORTED' });
  expect(slots.waiting).toBe(1);
  first.end();
  third.end();
  expect(await Promise.all([running, last])).toEqual(['done', 'done']);
  expect(second.begun()).toBe(false);
});

test('work that fails gives its place back', async () => {
  const slots = new Slots('tests', { limit: 1, maxWaiting: 1 });
  await expect(slots.run(wanted, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(await slots.run(wanted, () => Promise.resolve('again'))).toBe('again');
  await expect(slots.run(AbortSignal.abort(), () => Promise.resolve('never'))).rejects.toMatchObject({
    code: 'ERR_KWIK_ABORTED',
  });
});
