import { describe, expect, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import type { DialOverloadOptions, OverloadEvent } from '../../api/overload.js';
import { MemoryLedger } from '../../core/costs/memory-ledger.js';
import { PolicyEngine } from '../../core/policy/policy-engine.js';
import type { PolicyDecision } from '../../core/policy/policy-decision.js';
import { DIALLING_STEPS, POLICY_STEPS } from '../../core/policy/policy-steps.js';
import { UserCallbacks } from '../../runtime/host/user-callbacks.js';
import { DialOverload } from './dial-overload.js';

const MB = 1e6;

/** A process on virtual time. */
class Process {
  readonly clock = new VirtualClock();
  readonly decisions: PolicyDecision[] = [];
  readonly policy = new PolicyEngine({
    ...{ name: 'this process', random: () => 0.5, steps: DIALLING_STEPS, onDue: () => undefined },
    publish: (decision) => void this.decisions.push(decision),
  });
  heapBytes = 0;
  looks = 0;
  readonly overload = new DialOverload({
    ...{ clock: this.clock, policy: this.policy },
    process: () => {
      this.looks++;
      return { heapBytes: this.heapBytes, heapLimitBytes: 1000 * MB, residentBytes: 0 };
    },
  });

  dial(options?: DialOverloadOptions, isNew = true) {
    const ledger = new MemoryLedger();
    const callbacks = new UserCallbacks(() => undefined);
    const leave = this.overload.enter({ ledger, callbacks, options }, isNew);
    const account = ledger.open(() => undefined);
    return { ledger, account, leave };
  }
}

describe('what the sessions of a process use together', () => {
  test('is not looked at, and refuses nobody, while none was dialled with a budget', () => {
    const process = new Process();
    process.heapBytes = 1000 * MB;
    const { ledger, account } = process.dial();
    account.hold(0.9 * ledger.bounds.heldBytes, 0);
    process.clock.advanceBy(10_000);
    process.dial();
    expect([process.looks, process.policy.level, process.clock.pendingTimers]).toEqual([0, 0, 0]);
  });

  test('counts whoever holds it, and the least of the budgets, as long as its session is there', () => {
    const process = new Process();
    const other = process.dial();
    const large = process.dial({ memoryBytes: 100 * MB });
    const small = process.dial({ memoryBytes: 10 * MB });
    other.account.hold(4 * MB, 0);
    large.account.hold(3 * MB, 0);
    small.account.hold(2 * MB, 0);
    process.clock.advanceBy(250);
    expect(process.policy.pressures.memory).toBeCloseTo(0.9);
    expect(() => process.dial()).toThrow(
      expect.objectContaining({
        code: 'ERR_KWIK_LIMIT_EXCEEDED',
        retryAfterMs: 2000,
        message: 'this process is overloaded (memory: 90 % of its budget is used); try again in 2 s',
      }),
    );
    // A relay is dialled for a session that is there.
    process.dial(undefined, false);
    small.leave();
    small.leave();
    process.clock.advanceBy(250);
    expect(process.policy.pressures.memory).toBeCloseTo(0.07);
    process.clock.advanceBy(20_000);
    process.dial();
    expect(process.policy.level).toBe(0);
  });

  test('has everybody read ahead less, whoever comes meanwhile too, and as much as before afterwards', () => {
    const process = new Process();
    const first = process.dial({ memoryBytes: 10 * MB });
    const full = first.account.reading.share;
    first.account.hold(7.1 * MB, 0);
    process.clock.advanceBy(250);
    const second = process.dial();
    expect([first, second].map(({ account }) => account.reading.share)).toEqual([full / 8, full / 8]);
    first.account.hold(-7.1 * MB, 0);
    process.clock.advanceBy(5000);
    expect([first, second].map(({ account }) => account.reading.share)).toEqual([full, full]);
  });

  test('of a process that is short already, refuses the very first that asks for a budget', () => {
    const process = new Process();
    process.heapBytes = 950 * MB;
    expect(() => process.dial({ memoryBytes: 10 * MB })).toThrow(
      /this process is overloaded \(memory: 90 % of its budget/u,
    );
    process.dial({ memoryBytes: 10 * MB }, false).leave();
    expect(process.looks).toBe(1);
    // The one that was refused left its budget behind nowhere, and what was given up comes back.
    process.clock.advanceBy(60_000);
    process.dial();
    expect([process.policy.level, process.clock.pendingTimers]).toEqual([0, 0]);
  });

  test('refuses the one that comes again when it was told to, while nothing has got better', () => {
    const process = new Process();
    process.heapBytes = 950 * MB;
    for (let again = 0; again < 10; again++) {
      expect(() => process.dial({ memoryBytes: 10 * MB })).toThrow(
        /this process is overloaded \(memory: 90 % of its budget/u,
      );
      process.clock.advanceBy(4000);
    }
    process.heapBytes = 0;
    process.dial({ memoryBytes: 10 * MB });
  });

  test('is looked at in the process unless all say otherwise', () => {
    const process = new Process();
    process.heapBytes = 950 * MB;
    const quiet = process.dial({ process: false });
    process.clock.advanceBy(1000);
    expect([process.looks, process.policy.level]).toEqual([0, 0]);
    process.dial({ process: true, memoryBytes: MB });
    process.clock.advanceBy(250);
    expect(process.policy.pressures.heap).toBeCloseTo(0.9);
    quiet.leave();
  });

  test('is told to each callback once a step, in the order of the table, and ends no session', () => {
    const process = new Process();
    const events: OverloadEvent[] = [];
    const onChange = (event: OverloadEvent): void => void events.push(event);
    const sessions = Array.from({ length: 5 }, () => process.dial({ memoryBytes: MB, process: false, onChange }));
    sessions[0]!.account.hold(3 * MB, 0);
    process.clock.advanceBy(250);
    const order = POLICY_STEPS.map(({ action }) => action).filter((action) => action !== 'endIdleSessions');
    expect(events.map(({ action, on, level }) => [action, on, level])).toEqual(
      order.map((action) => [action, true, 6]),
    );
    sessions[0]!.account.hold(-3 * MB, 0);
    process.clock.advanceBy(60_000);
    expect(events.slice(6).map(({ action, on }) => [action, on])).toEqual(
      [...order].reverse().map((one) => [one, false]),
    );
    expect(process.decisions.map(({ step, of, bound }) => [step, of, bound.name])).toEqual([
      ...order.map((action) => ['degrade', 'process', `${action} from`]),
      ...[...order].reverse().map((action) => ['restore', 'process', `${action} below`]),
    ]);
  });
});
