import { expect, test } from '@jest/globals';
import type { HostLookup } from '@kwik/quic';
import { VirtualClock } from '@kwik/testbed';
import { RelayAddresses } from './relay-addresses.js';

/** A socket that remembers what it was told. */
function scene(lookUp?: HostLookup) {
  const expected: string[] = [];
  const clock = new VirtualClock();
  const endpoint = {
    expectRelay: (address: string) => {
      expected.push(address);
      return () => void expected.splice(expected.indexOf(address), 1);
    },
  };
  return { expected, clock, relays: new RelayAddresses(endpoint, clock, lookUp) };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('an address is expected as long as a session has the relay, once for all of them', async () => {
  const { expected, relays } = scene();
  const [first, second] = [relays.ofSession(), relays.ofSession()];
  first.add('192.0.2.1:1');
  first.add('192.0.2.1:2');
  second.add('192.0.2.1:1');
  second.add('[2001:db8::1]:1');
  await turn();
  expect(expected).toEqual(['192.0.2.1', '2001:db8::1']);
  first.release();
  first.release();
  expect(expected).toEqual(['192.0.2.1', '2001:db8::1']);
  second.release();
  expect(expected).toEqual([]);
});

test('a name is looked up again when a session names it later, and keeps what it had when that fails', async () => {
  let found: readonly string[] | undefined = ['192.0.2.1'];
  let asked = 0;
  const { expected, clock, relays } = scene(() => {
    asked += 1;
    return found === undefined ? Promise.reject(new Error('no DNS')) : Promise.resolve(found);
  });
  const add = async (): Promise<void> => {
    relays.ofSession().add('relay.example:4433');
    await turn();
  };
  await add();
  await add();
  expect([asked, expected]).toEqual([1, ['192.0.2.1']]);
  found = ['192.0.2.2', '192.0.2.3'];
  clock.advanceBy(60_000);
  await add();
  expect([asked, expected]).toEqual([2, ['192.0.2.2', '192.0.2.3']]);
  found = undefined;
  clock.advanceBy(60_000);
  await add();
  expect([asked, expected]).toEqual([3, ['192.0.2.2', '192.0.2.3']]);
});

test('a session that ends while a name is looked up leaves nothing behind', async () => {
  let found: (addresses: readonly string[]) => void = () => undefined;
  const { expected, relays } = scene(() => new Promise((resolve) => (found = resolve)));
  const session = relays.ofSession();
  session.add('relay.example:4433');
  session.release();
  found(['192.0.2.1']);
  await turn();
  expect(expected).toEqual([]);
});

test('hosts are bounded', async () => {
  const { expected, relays } = scene();
  const session = relays.ofSession();
  for (let host = 0; host < 3000; host++) session.add(`10.0.${host >> 8}.${host & 255}:1`);
  await turn();
  expect(expected).toHaveLength(1024);
  session.release();
  expect(expected).toEqual([]);
});
