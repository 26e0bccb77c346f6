import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../test-support/random.js';
import { SERVER_BREAKER } from './circuit-breaker.js';
import { type BegunDial, type DialChange, type DialOutcome, DialPolicy, MAX_FAILING_SERVERS } from './dial-policy.js';
import { RETRY_BUDGET } from './retry-budget.js';

const half = (): number => 0.5;
const ENOUGH = SERVER_BREAKER.failuresInRow;

function dial(policy: DialPolicy, address: string, outcome: DialOutcome, now = 0): DialChange | undefined {
  return policy.end(policy.begin({ address, again: false }, now), outcome, now);
}

function failAll(policy: DialPolicy, addresses: readonly string[], now = 0): (DialChange | undefined)[] {
  return addresses.map((address) => dial(policy, address, 'unreachable', now));
}

describe('a policy of dials', () => {
  test('a server that does not answer is held back, and no other', () => {
    const policy = new DialPolicy(half);
    const changes = failAll(policy, Array<string>(ENOUGH).fill('dead:1'));
    expect(changes.at(-1)).toBe('opened');
    expect(policy.hold({ address: 'dead:1', again: false }, 0)).toMatchObject({ why: 'breaker' });
    expect(policy.hold({ address: 'other:1', again: false }, 0)).toBeUndefined();
  });

  test('what an aborted dial found out counts for nothing', () => {
    const policy = new DialPolicy(half);
    for (let count = 0; count < 100; count++) dial(policy, 'a:1', 'unclear');
    expect([policy.failing, policy.hold({ address: 'a:1', again: false }, 0)]).toEqual([0, undefined]);
  });

  test('a retry without budget waits, and a first attempt does not', () => {
    const policy = new DialPolicy(half, { budget: { perFirst: 0.1, perSecond: 1, most: 1 } });
    policy.begin({ address: 'a:1', again: true }, 0);
    expect(policy.hold({ address: 'a:1', again: true }, 0)).toEqual({ why: 'budget', untilMs: 1000 });
    expect(policy.hold({ address: 'a:1', again: false }, 0)).toBeUndefined();
    expect(policy.hold({ address: 'a:1', again: true }, 1000)).toBeUndefined();
  });

  test('several servers that fail together, and nobody who answers: the network is tried, by one of them at a time', () => {
    const policy = new DialPolicy(half);
    const servers = ['a:1', 'b:1', 'c:1'];
    expect(failAll(policy, servers)).toEqual([undefined, undefined, 'network-lost']);
    for (const address of servers) {
      expect(policy.hold({ address, again: false }, 0)).toMatchObject({ why: 'network' });
    }
    // Whoever has not failed goes out: what it finds is news.
    expect(policy.hold({ address: 'new:1', again: false }, 0)).toBeUndefined();
    const trial = policy.begin({ address: 'b:1', again: false }, 1000);
    expect([trial.trial, policy.hold({ address: 'a:1', again: false }, 1000)?.why]).toEqual([true, 'network']);
    // However often it fails, no server is blamed.
    expect(policy.end(trial, 'unreachable', 1100)).toBeUndefined();
    expect(policy.end(policy.begin({ address: 'c:1', again: false }, 3000), 'reached', 3001)).toBe('network-back');
    for (const address of servers) expect(policy.hold({ address, again: false }, 3001)).toBeUndefined();
  });

  test('failures of several servers while another answers, or minutes apart, are their own', () => {
    const answered = new DialPolicy(half);
    for (const address of ['a:1', 'b:1', 'c:1', 'd:1']) {
      expect(dial(answered, address, 'unreachable')).toBeUndefined();
      dial(answered, 'alive:1', 'reached');
    }
    const apart = new DialPolicy(half);
    for (const [index, address] of ['a:1', 'b:1', 'c:1'].entries()) {
      expect(dial(apart, address, 'unreachable', index * 60_000)).toBeUndefined();
    }
  });

  test('retries that a peer commands use up no more than half of the budget', () => {
    const policy = new DialPolicy(half);
    const commanded = { address: 'forbidden:1', again: true, commanded: true };
    let made = 0;
    for (; policy.hold(commanded, 0) === undefined; made++) policy.end(policy.begin(commanded, 0), 'unclear', 0);
    expect(made).toBe(RETRY_BUDGET.most / 2);
    const own = { address: 'a:1', again: true };
    for (let retry = 0; retry < RETRY_BUDGET.most / 2; retry++) {
      expect(policy.hold(own, 0)).toBeUndefined();
      policy.begin(own, 0);
    }
    expect(policy.hold(own, 0)).toMatchObject({ why: 'budget' });
    // The peer's come when the others have what they need: the budget is one, and no dial is made besides it.
    const untilMs = policy.hold(commanded, 0)!.untilMs;
    expect(policy.hold(commanded, untilMs - 1)).toMatchObject({ why: 'budget' });
    expect(policy.hold(commanded, untilMs)).toBeUndefined();
  });

  test('a server that failed once and answered since is not held up by others that fail together', () => {
    const policy = new DialPolicy(half);
    dial(policy, 'alive:1', 'unreachable');
    dial(policy, 'alive:1', 'reached', 10);
    expect(failAll(policy, ['a:1', 'b:1', 'c:1'], 1000).at(-1)).toBe('network-lost');
    expect(policy.hold({ address: 'alive:1', again: false }, 1000)).toBeUndefined();
    // Nor when each is tried by itself.
    expect(policy.hold({ address: 'a:1', again: false }, 11_000)).toMatchObject({ why: 'breaker' });
    expect(policy.hold({ address: 'alive:1', again: false }, 11_000)).toBeUndefined();
  });

  test('what fails from one local address holds up no dial from elsewhere', () => {
    const policy = new DialPolicy(half);
    for (const address of ['a:1', 'b:1', 'c:1', ...Array<string>(ENOUGH).fill('a:1')]) {
      const begun = policy.begin({ address, from: 'wifi', again: false }, 0);
      expect(policy.end(begun, 'unreachable', 0)).not.toBe('network-lost');
    }
    expect(policy.hold({ address: 'a:1', from: 'wifi', again: false }, 0)).toMatchObject({ why: 'breaker' });
    expect(policy.hold({ address: 'a:1', again: false }, 0)).toBeUndefined();
    expect(policy.hold({ address: 'a:1', from: 'mobile', again: false }, 0)).toBeUndefined();
    // Nor does an answer to the one speak for the other.
    dial(policy, 'a:1', 'reached');
    expect(policy.hold({ address: 'a:1', from: 'wifi', again: false }, 0)).toMatchObject({ why: 'breaker' });
  });

  test('servers that a peer chose are no sign of the network: a peer cannot hold up dials of others', () => {
    const policy = new DialPolicy(half);
    for (const address of ['a:1', 'b:1', 'c:1', 'd:1', 'e:1']) {
      const begun = policy.begin({ address, again: false, commanded: true }, 0);
      expect(policy.end(begun, 'unreachable', 0)).toBeUndefined();
    }
    expect(policy.hold({ address: 'a:1', again: false }, 0)).toBeUndefined();
  });

  test('when nobody answers for long, each server is tried by itself, one dial at a time', () => {
    const policy = new DialPolicy(half);
    const servers = ['a:1', 'b:1', 'c:1'];
    failAll(policy, servers);
    expect(policy.hold({ address: 'a:1', again: false }, 10_000)).toMatchObject({ why: 'breaker' });
    const begun = servers.map((address) => policy.begin({ address, again: false }, 11_000));
    expect(begun.map(({ trial }) => trial)).toEqual([true, true, true]);
    expect(policy.hold({ address: 'a:1', again: false }, 11_000)).toMatchObject({ why: 'breaker' });
    expect(policy.end(begun[1]!, 'reached', 11_001)).toBe('network-back');
    expect(policy.hold({ address: 'a:1', again: false }, 11_001)).toBeUndefined();
  });

  test('remembers so many servers that fail, and forgets one that is well', () => {
    const policy = new DialPolicy(half);
    dial(policy, 'alive:1', 'unreachable');
    for (let server = 0; server < 2 * MAX_FAILING_SERVERS; server++) {
      policy.end(policy.begin({ address: `${server}:1`, again: false, commanded: true }, 0), 'unreachable', 0);
    }
    expect(policy.failing).toBe(MAX_FAILING_SERVERS);
  });

  test('whatever happens: who waits is told a later time, and once all answer all may go', () => {
    const outcome = fc.constantFrom<DialOutcome>('reached', 'unreachable', 'unreachable', 'unclear');
    const step = fc.tuple(fc.integer({ min: 0, max: 700 }), fc.integer({ min: 0, max: 5 }), outcome, fc.boolean());
    fc.assert(
      fc.property(fc.integer(), fc.array(step, { maxLength: 200 }), (seed, steps) => {
        const policy = new DialPolicy(seededRandom(seed));
        const underWay: { begun: BegunDial; outcome: DialOutcome }[] = [];
        let now = 0;
        for (const [passesMs, server, result, again] of steps) {
          now += passesMs;
          if (underWay.length > 3) {
            const { begun, outcome: became } = underWay.shift()!;
            policy.end(begun, became, now);
          }
          const wanted = { address: `${server}:1`, again };
          const hold = policy.hold(wanted, now);
          if (hold === undefined) underWay.push({ begun: policy.begin(wanted, now), outcome: result });
          else expect(hold.untilMs).toBeGreaterThan(now);
        }
        for (const { begun } of underWay) policy.end(begun, 'unclear', now);
        // Now all servers answer: each goes when it was told to come again.
        for (let server = 0; server <= 5; server++) {
          const wanted = { address: `${server}:1`, again: true };
          for (let asked = 0; asked < 20; asked++) {
            const hold = policy.hold(wanted, now);
            if (hold === undefined) break;
            now = hold.untilMs;
          }
          policy.end(policy.begin(wanted, now), 'reached', now);
          expect(policy.hold(wanted, now + 100)).toBeUndefined();
        }
      }),
      { numRuns: 200 },
    );
  });
});
