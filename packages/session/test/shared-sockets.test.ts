import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Listener } from '@kwik/session';
import { QuicConnector } from '../src/client/connector.js';
import { parseTarget } from '../src/client/target.js';
import { addressOf, Harness } from './harness.js';

jest.setTimeout(60_000);

let harness: Harness;
let listener: Listener;

beforeEach(async () => {
  harness = await Harness.create();
  listener = await harness.listen();
});
afterEach(async () => {
  await harness.close();
});

const connector = (): QuicConnector => {
  const made = new QuicConnector({});
  harness.onClose(() => made.close());
  return made;
};
const target = () => parseTarget(addressOf(listener));

describe('sessions that share a socket', () => {
  test('the end of one leaves the other alone', async () => {
    const [one, other] = [connector(), connector()];
    const options = { timeoutMs: 10_000 };
    const [first, second] = await Promise.all([one.connect(target(), options), other.connect(target(), options)]);
    expect(first.local.port).toBe(second.local.port);
    await one.close();
    expect([first.closed, second.closed]).toEqual([true, false]);
    const third = await other.connect(target(), options);
    expect(third.local.port).toBe(second.local.port);
  });

  test('close gives up a dial under way, and refuses the next', async () => {
    const [one, other] = [connector(), connector()];
    await other.connect(target(), { timeoutMs: 10_000 });
    const dial = one.connect(target(), { timeoutMs: 10_000 });
    const refused = expect(dial).rejects.toMatchObject({ code: 'ERR_KWIK_ABORTED' });
    await one.close();
    await refused;
    await expect(one.connect(target(), { timeoutMs: 10_000 })).rejects.toMatchObject({ code: 'ERR_KWIK_ABORTED' });
  });

  test('a session that is closed has told its server so, though the socket stays open for others', async () => {
    const [one, other] = [connector(), connector()];
    const options = { timeoutMs: 10_000 };
    const [first] = await Promise.all([one.connect(target(), options), other.connect(target(), options)]);
    await one.close();
    expect((first as unknown as { ended: boolean }).ended).toBe(true);
  });
});
