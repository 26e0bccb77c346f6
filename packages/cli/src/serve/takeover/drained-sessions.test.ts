import { expect, test } from '@jest/globals';
import type { HandOver, HandOverOptions } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { DrainedSessions } from './drained-sessions.js';

/** Of a listener whose sessions stay until the hand-over is called off. */
function busyListener() {
  const asked: AbortSignal[] = [];
  const log: string[] = [];
  const drained = new DrainedSessions({
    handOver: ({ signal }: HandOverOptions) =>
      new Promise<HandOver>((resolve) => {
        asked.push(signal!);
        signal!.addEventListener('abort', () => resolve({ gone: 2, left: 1 }));
      }),
    log: {
      handedOver: (gone, left) => log.push(`${gone} gone, ${left} left`),
      notHandedOver: (error) => log.push(KwikError.from(error).code),
    },
  });
  return { drained, asked, log };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('sessions are asked while the server drains, once at a time, and called back when it does not', async () => {
  const { drained, asked, log } = busyListener();
  drained.set(true);
  drained.set(true);
  await turn();
  expect(asked.map(({ aborted }) => aborted)).toEqual([false]);
  drained.set(false);
  drained.set(true);
  await turn();
  expect(asked.map(({ aborted }) => aborted)).toEqual([true, false]);
  drained.set(false);
  await turn();
  expect([asked.map(({ aborted }) => aborted), log]).toEqual([
    [true, true],
    ['2 gone, 1 left', '2 gone, 1 left'],
  ]);
});

test.each([
  ['ERR_KWIK_INVALID_STATE', []],
  ['ERR_KWIK_INTERNAL', ['ERR_KWIK_INTERNAL']],
] as const)('a listener that refuses with %s ends it, and is no noise when it is closed', async (code, told) => {
  const log: string[] = [];
  const drained = new DrainedSessions({
    handOver: () => Promise.reject(new KwikError(code)),
    log: { handedOver: () => undefined, notHandedOver: (error) => log.push(KwikError.from(error).code) },
  });
  drained.set(true);
  await turn();
  expect(log).toEqual(told);
});
