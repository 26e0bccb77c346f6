import { expect, test } from '@jest/globals';
import { until } from '@kwik/testbed';
import { WebhookQueue } from './webhook-queue.js';

function queueOf(answers: readonly (number | Error)[], onLost?: (reason: Error) => void) {
  const bodies: unknown[] = [];
  const waits: number[] = [];
  const post: typeof fetch = (_url, init) => {
    const answer = answers[Math.min(bodies.length, answers.length - 1)]!;
    bodies.push(init?.body);
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(new Response(null, { status: answer }));
  };
  const schedule = (delayMs: number, callback: () => void): void => {
    waits.push(delayMs);
    callback();
  };
  const queue = new WebhookQueue({ url: 'https://hook.example/', fetch: post, schedule }, onLost);
  return { queue, bodies, waits };
}

test('tries again with growing waits, and says what it gave up, whatever its listener throws', async () => {
  const reasons: string[] = [];
  const { queue, bodies, waits } = queueOf([500, new Error('reset'), 503, 503, 503, 200], ({ message }) => {
    reasons.push(message);
    throw new Error('of the application');
  });
  queue.tell({ a: 1 });
  queue.tell({ b: 2 });
  await until(() => queue.delivered === 1);
  expect([queue.delivered, queue.lost, reasons]).toEqual([1, 1, ['the webhook answered 503']]);
  expect(waits).toEqual([1000, 2000, 4000, 8000]);
  expect(bodies.at(-1)).toBe('{"b":2}');
});

test('keeps a hundred, and loses what comes besides', async () => {
  const { queue } = queueOf([204]);
  for (let count = 0; count < 500; count++) queue.tell(count);
  expect(queue.lost).toBe(399);
  await until(() => queue.delivered === 101);
});

test.each(['', 'nowhere', 'file:///etc/passwd', 'http:// x'])('takes %j for no webhook', (url) => {
  expect(() => new WebhookQueue({ url })).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }));
});
