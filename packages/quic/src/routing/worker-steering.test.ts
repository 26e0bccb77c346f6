import { expect, test } from '@jest/globals';
import { parseLongHeader } from '../packets/packet-header.js';
import { markWorker } from '../packets/worker-mark.js';
import { steerLong, steerShort, type WorkerSteering } from './worker-steering.js';

const FROM = { address: '192.0.2.1', port: 5000 };
const INITIAL = 0xc0;
const HANDSHAKE = 0xe0;

/** Worker 1 of 1 and 2; 3 was there before, and 2 drains. */
function steeringOf(handed: number[], taking = [1]): WorkerSteering {
  return {
    worker: 1,
    hand: (worker) => worker === 2 && handed.push(worker) > 0,
    isKnown: (worker) => worker !== 3,
    newcomer: (_key, wish) => (wish === 2 ? 2 : (taking[0] ?? 1)),
  };
}

function idOf(worker: number | undefined): Uint8Array {
  const id = new Uint8Array(8).fill(5);
  return worker === undefined ? id : markWorker(id, worker);
}

function steeredLong(
  first: number,
  to: number | undefined,
  from: number | undefined,
  steering: WorkerSteering,
  token: readonly number[] = [],
) {
  const ids = [8, ...idOf(to), 8, ...idOf(from)];
  const datagram = Uint8Array.from([first, 0, 0, 0, 1, ...ids, token.length, ...token, 1, 0]);
  return steerLong(steering, datagram, parseLongHeader(datagram)!, FROM);
}

test.each([
  ['of this worker, which does not know it (any more)', 1, 'own'],
  ['of nobody', undefined, 'own'],
  ['of another worker', 2, 'handed'],
  ['of one whose process is gone for good', 3, 'own'],
  ['of one that is not here now: nobody else may reset it', 4, 'lost'],
] as const)('a packet with a short header %s', (_whose, worker, steered) => {
  const handed: number[] = [];
  expect(steerShort(steeringOf(handed), Uint8Array.from([0x40, ...idOf(worker), 1, 2]), FROM)).toBe(steered);
  expect(handed).toEqual(steered === 'handed' ? [2] : []);
});

test.each([
  ['the second flight of a client of another worker', HANDSHAKE, 2, undefined, 'handed'],
  ['a first packet after a Retry of another worker', INITIAL, 2, undefined, 'handed'],
  ['a first packet of a client that belongs to nobody', INITIAL, undefined, undefined, 'own'],
  ['a first packet of a client whose session is in another worker', INITIAL, undefined, 2, 'handed'],
  ['one whose session was in a worker that is gone', INITIAL, undefined, 3, 'own'],
  ['a packet for nobody that begins nothing', HANDSHAKE, undefined, 2, 'own'],
] as const)('%s', (_what, first, to, from, steered) => {
  expect(steeredLong(first, to, from, steeringOf([]))).toBe(steered);
});

test.each([
  ['after a Retry of a worker that is not here now is lost, and is sent again', 4, [7], 'lost'],
  ['after a Retry of one that is gone for good', 3, [7], 'own'],
  ['with an id of the client that looks as if it were of another worker', 4, [], 'own'],
] as const)('a first packet %s', (_what, to, token, steered) => {
  expect(steeredLong(INITIAL, to, undefined, steeringOf([]), token)).toBe(steered);
});

test('while this worker drains, whoever is new goes to another', () => {
  const handed: number[] = [];
  expect(steeredLong(INITIAL, undefined, undefined, steeringOf(handed, [2]))).toBe('handed');
  expect(steeredLong(INITIAL, undefined, 1, { ...steeringOf(handed, [2]), newcomer: () => 1 })).toBe('own');
});
