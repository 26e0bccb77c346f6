import { expect, test } from '@jest/globals';
import { systemClock } from '@kwik/quic';
import { VirtualClock } from '@kwik/testbed';
import { KwikError } from '@kwik/wire';
import { newHost } from '../../runtime/host/session-host.js';
import { sessionDials } from './session-dials.js';

const DIALS = 5;

test('the random source of one application says nothing of when others of its process dial', async () => {
  const asked = { times: 0 };
  const random = (): number => {
    asked.times += 1;
    return 1e9;
  };
  const failAll = async (clock: ReturnType<typeof systemClock>): Promise<void> => {
    const dials = sessionDials(newHost({}), { network: undefined, clock }, random);
    const dead = (): Promise<void> => Promise.reject(new KwikError('ERR_KWIK_CONNECT_FAILED', 'nobody listens'));
    const runs = Array.from({ length: DIALS }, () => dials.run({ address: 'dead.invalid:1' }, dead));
    await Promise.allSettled(runs);
    dials.close();
  };
  await failAll(systemClock());
  expect(asked.times).toBe(0);
  // With a clock of its own, it has its dials to itself.
  await failAll(new VirtualClock());
  expect(asked.times).toBeGreaterThan(0);
});
