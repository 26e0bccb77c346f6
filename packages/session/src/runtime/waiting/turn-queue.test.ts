import { describe, expect, it } from '@jest/globals';
import { KwikError } from '@kwik/wire';
import { TurnQueue } from './turn-queue.js';

function queueOf(items: number[]): TurnQueue<number> {
  return new TurnQueue(() => items.shift());
}

describe('TurnQueue', () => {
  it('serves calls in their order, also one that comes while others wait', async () => {
    const items: number[] = [];
    const queue = queueOf(items);
    const first = queue.next();
    const second = queue.next();
    items.push(1, 2, 3);
    // What is there belongs to those who waited for it.
    const third = queue.next();
    queue.pump();
    expect(await Promise.all([first, second, third])).toEqual([1, 2, 3]);
    items.push(4);
    expect(await queue.next()).toBe(4);
  });

  it('takes nothing for a call that was aborted', async () => {
    const items: number[] = [];
    const queue = queueOf(items);
    const abort = new AbortController();
    const aborted = queue.next(abort.signal);
    const next = queue.next();
    abort.abort('why');
    items.push(1);
    queue.pump();
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_KWIK_ABORTED', cause: 'why' });
    expect(await next).toBe(1);
    await expect(queue.next(AbortSignal.abort())).rejects.toMatchObject({ code: 'ERR_KWIK_ABORTED' });
  });

  it('tells all that wait when nothing will come', async () => {
    let open = true;
    const queue = new TurnQueue<number>(() => {
      if (!open) throw new KwikError('ERR_KWIK_SESSION_CLOSED');
      return undefined;
    });
    const waiting = [queue.next(), queue.next()];
    open = false;
    queue.pump();
    for (const each of waiting) await expect(each).rejects.toMatchObject({ code: 'ERR_KWIK_SESSION_CLOSED' });
  });

  it('bounds the calls that wait', async () => {
    const queue = queueOf([]);
    for (let count = 0; count < 1024; count++) void queue.next();
    await expect(queue.next()).rejects.toMatchObject({ code: 'ERR_KWIK_LIMIT_EXCEEDED' });
  });
});
