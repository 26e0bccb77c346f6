import { expect, test } from '@jest/globals';
import { systemClock } from '@kwik/quic';
import { VirtualClock } from '@kwik/testbed';
import { CounterRegistry, KwikError } from '@kwik/wire';
import { newHost } from '../../runtime/host/session-host.js';
import { sessionDials, SessionDials } from './session-dials.js';

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

test.each([
  [true, 5, 'reached'],
  [false, 5, 'unclear'],
  [false, 5000, 'unreachable'],
])(
  'of a connection that was used before its server had answered, the gate hears then: %s after %d ms',
  async (...how) => {
    const [hasAnswered, afterMs, outcome] = how;
    const clock = new VirtualClock();
    const outcomes: string[] = [];
    const begun = { address: 'a:1', again: false, trial: false, epochs: { server: 0, network: undefined } };
    const gate = {
      enter: () => Promise.resolve(begun),
      end: (_begun: unknown, told: string) => void outcomes.push(told),
    };
    const dials = new SessionDials({ gate, diagnostics: { counters: new CounterRegistry() }, clock });
    const answered = new Promise<boolean>((done) => void clock.schedule(afterMs, () => done(hasAnswered)));
    await dials.run({ address: 'a:1' }, () => Promise.resolve({ answered }));
    expect(outcomes).toEqual([]);
    await clock.advanceByAsync(afterMs);
    expect(outcomes).toEqual([outcome]);
  },
);
