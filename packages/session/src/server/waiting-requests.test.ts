import { expect, jest, test } from '@jest/globals';
import { toPathId } from '@kwik/wire';
import { WaitingRequests, type WaitingRequest } from './waiting-requests.js';

const pathOf = (id: number): WaitingRequest['path'] => ({ id: toPathId(id), alive: true, send: () => undefined });
const [one, other] = [pathOf(1), pathOf(12)];
const asking = (path: WaitingRequest['path'], id: number): WaitingRequest => {
  return { path, requestId: BigInt(id), offset: 0n, length: 1 };
};
const idsOf = (all: readonly WaitingRequest[]): bigint[] => all.map(({ requestId }) => requestId);

test('are taken in the order in which they came, without those that are not wanted any more', () => {
  const waiting = new WaitingRequests();
  for (const id of [1, 2, 2, 3, 4]) waiting.add(asking(one, id));
  waiting.add(asking(other, 2));
  expect(waiting.size).toBe(6);
  waiting.cancel(one, [2n, 4n, 9n]);
  waiting.cancel(one, [2n]);
  expect(waiting.size).toBe(3);
  expect(idsOf(waiting.takeAll())).toEqual([1n, 3n, 2n]);
  expect([waiting.size, waiting.takeAll()]).toEqual([0, []]);
});

test('that wait are not looked at when others are cancelled, however many they are', () => {
  const waiting = new WaitingRequests();
  const looks = jest.fn();
  for (let id = 0; id < 8192; id++) {
    const asked = asking(one, id);
    let isIn = false;
    const requestId = asked.requestId;
    Object.defineProperty(asked, 'requestId', { get: () => (isIn && looks(), requestId) });
    waiting.add(asked);
    isIn = true;
  }
  for (let id = 8192; id < 9000; id++) waiting.cancel(one, [BigInt(id), 5n]);
  expect(looks).not.toHaveBeenCalled();
  expect(waiting.size).toBe(8191);
});
