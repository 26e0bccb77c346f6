import { describe, expect, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import { KwikError } from '@kwik/wire';
import { UserCallbacks } from '../../runtime/host/user-callbacks.js';
import { CommandedDials, type CommandedDial } from './commanded-dials.js';
import { DialBudget } from './dial-budget.js';

const LIMITS = { commandedDialsPerMinute: 60, failedCommandedDials: 1000 };
const PRIMARY = '8.8.8.8';
const TARGET = { host: '1.1.1.1', port: 443 };

interface Told {
  readonly address: string;
  readonly error: KwikError;
}

function setUp(changes: Partial<typeof LIMITS> = {}) {
  const clock = new VirtualClock();
  const refused: Told[] = [];
  const onRefused = (refusal: Told): void => void refused.push(refusal);
  const dials = new CommandedDials({ clock, limits: { ...LIMITS, ...changes }, allowed: [], onRefused });
  /** When packets went out, and where to. */
  const sent: { readonly atMs: number; readonly to: readonly string[] }[] = [];
  /** A command whose dial goes as `then` says. Resolves with what the primary hears, and when. */
  const command = async (
    then: (commanded: CommandedDial) => unknown,
    hosts: readonly string[] = [TARGET.host],
  ): Promise<{ readonly heard: string; readonly atMs: number }> => {
    const dial = async (commanded: CommandedDial): Promise<string> => {
      const to = await commanded.admit(hosts, TARGET.port);
      sent.push({ atMs: clock.now(), to });
      await then(commanded);
      return 'joined';
    };
    const heard = await dials
      .run({ address: `${hosts[0]}:443`, timeoutMs: 10_000 }, PRIMARY, dial)
      .catch((thrown: unknown) => {
        const { code, message } = KwikError.from(thrown);
        return `${code} ${message.replace(hosts[0]!, 'HOST')}`;
      });
    return { heard, atMs: clock.now() };
  };
  const settle = async <T>(promise: Promise<T>): Promise<T> => {
    let settled = false;
    void promise.finally(() => (settled = true));
    await clock.runUntilAsync(() => settled, { maxMs: 3_600_000 });
    return promise;
  };
  return { clock, dials, refused, sent, command, settle };
}

function fail(code: 'ERR_KWIK_CERTIFICATE' | 'ERR_KWIK_CONNECT_FAILED' | 'ERR_KWIK_TOKEN_UNTRUSTED') {
  return () => Promise.reject(new KwikError(code, `${code} with all its details`));
}

describe('what the primary hears', () => {
  test('is one and the same for every failure, at the same time after its command', async () => {
    const causes = ['ERR_KWIK_CERTIFICATE', 'ERR_KWIK_CONNECT_FAILED', 'ERR_KWIK_TOKEN_UNTRUSTED'] as const;
    const answers = [];
    for (const cause of causes) {
      const { command, settle, refused } = setUp();
      answers.push(await settle(command(fail(cause))));
      // The application of the client is told why.
      expect(refused).toMatchObject([{ address: '1.1.1.1:443', error: { code: cause } }]);
    }
    for (const host of ['127.0.0.1', '10.0.0.1', '169.254.169.254', '224.0.0.1', '::ffff:127.0.0.1']) {
      const { command, settle, refused, sent } = setUp();
      answers.push(await settle(command(() => undefined, [host])));
      expect(refused).toMatchObject([{ error: { code: 'ERR_KWIK_PERMISSION_DENIED' } }]);
      expect(sent).toEqual([]);
    }
    const one = { heard: 'ERR_KWIK_CONNECT_FAILED the client has no connection to HOST:443', atMs: 1000 };
    expect(answers).toEqual(answers.map(() => one));
  });

  test("of a server that the client trusts it hears that server's refusal, no sooner", async () => {
    const { command, settle, refused } = setUp();
    const answer = await settle(
      command(({ reached }) => {
        reached();
        return fail('ERR_KWIK_TOKEN_UNTRUSTED')();
      }),
    );
    expect(answer).toEqual({
      heard: 'ERR_KWIK_TOKEN_UNTRUSTED ERR_KWIK_TOKEN_UNTRUSTED with all its details',
      atMs: 1000,
    });
    expect(refused).toMatchObject([{ error: { code: 'ERR_KWIK_TOKEN_UNTRUSTED' } }]);
  });

  test('of a success it hears at once', async () => {
    const { command, settle } = setUp();
    expect(await settle(command(() => undefined))).toEqual({ heard: 'joined', atMs: 0 });
  });

  test('a callback that throws does no harm', async () => {
    const clock = new VirtualClock();
    const onRefused = (_refusal: Told): never => {
      throw new Error('of the application');
    };
    const callbacks = new UserCallbacks(() => undefined);
    const tell = (refusal: Told): void => callbacks.call('onPathRefused', onRefused, refusal);
    const dials = new CommandedDials({ clock, limits: LIMITS, allowed: [], onRefused: tell });
    const running = dials.run({ address: 'a:1', timeoutMs: 1 }, PRIMARY, fail('ERR_KWIK_CERTIFICATE'));
    dials.close();
    await expect(running).rejects.toMatchObject({ code: 'ERR_KWIK_CONNECT_FAILED' });
    expect(callbacks.errors).toEqual({ onPathRefused: 1 });
  });
});

describe('what goes out', () => {
  test('of what a name resolves to, only permitted addresses, two at the most', async () => {
    const { command, settle, sent } = setUp();
    await settle(command(() => undefined, ['10.0.0.1', '1.1.1.1', '127.0.0.1', '2606:4700::1', '1.0.0.1']));
    expect(sent).toEqual([{ atMs: 0, to: ['1.1.1.1', '2606:4700::1'] }]);
  });

  test('to a silent address: growing waits of a second at least, however often and with however many commands', async () => {
    const { clock, command, sent } = setUp();
    const silent = (): Promise<never> =>
      new Promise((_, reject) => clock.schedule(500, () => reject(new KwikError('ERR_KWIK_TIMEOUT'))));
    for (let at = 0; at < 60_000; at += 100) clock.schedule(at, () => void command(silent));
    let over = false;
    clock.schedule(60_000, () => (over = true));
    await clock.runUntilAsync(() => over, { maxMs: 120_000 });
    expect(sent.map(({ atMs }) => atMs)).toEqual([0, 1000, 3000, 7000, 15_000, 31_000]);
  });

  test('an address where a server joined may be dialled again at once', async () => {
    const { command, settle, sent } = setUp();
    const joins = ({ joined }: CommandedDial): void => joined({ address: '1.1.1.1', port: 443, family: 'IPv4' });
    for (let i = 0; i < 3; i++) await settle(command(joins));
    expect(sent.map(({ atMs }) => atMs)).toEqual([0, 0, 0]);
  });

  test('the time-out of a dial has a bound of its own', async () => {
    const { clock, dials } = setUp();
    const run = (timeoutMs: number): Promise<number> =>
      dials.run({ address: 'a:1', timeoutMs }, PRIMARY, ({ timeoutMs: own }) => Promise.resolve(own));
    expect(await run(4_000_000_000)).toBe(30_000);
    expect(await run(700)).toBe(700);
    expect(clock.now()).toBe(0);
  });

  test('nothing any more when the session is over, and nobody waits', async () => {
    const { dials, command, sent } = setUp();
    const first = command(fail('ERR_KWIK_CONNECT_FAILED'));
    const second = command(() => undefined);
    await Promise.resolve();
    dials.close();
    await Promise.all([first, second]);
    expect(sent).toHaveLength(1);
  });
});

describe('DialBudget', () => {
  /** How many dials of ever new addresses are let through. */
  function burst(budget: DialBudget, now: number, from: number): number {
    for (let count = 0; ; count++) {
      try {
        budget.take(`1.1.1.1:${from + count}`, now);
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_KWIK_LIMIT_EXCEEDED' });
        return count;
      }
    }
  }

  test('so many a minute, half of them at once', () => {
    const budget = new DialBudget(LIMITS);
    expect(burst(budget, 0, 0)).toBe(30);
    expect(burst(budget, 5000, 100)).toBe(5);
    expect(burst(budget, 3_600_000, 200)).toBe(30);
    // A clock that goes back gives nothing.
    expect(burst(budget, 0, 300)).toBe(0);
  });

  test('so many failures in all, and no more after them', () => {
    const budget = new DialBudget({ ...LIMITS, failedCommandedDials: 2 });
    budget.take('a', 0);
    budget.failed();
    budget.take('b', 0);
    budget.failed();
    expect(burst(budget, 3_600_000, 0)).toBe(0);
  });

  test('waits double up to half a minute, and are forgotten when nothing was dialled for two', () => {
    const budget = new DialBudget(LIMITS);
    const waits: number[] = [];
    for (let now = 0, i = 0; i < 8; i++) {
      budget.take('a', now);
      waits.push(budget.waitMs('a', now));
      now += budget.waitMs('a', now);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    budget.take('b', 1_000_000);
    expect(budget.waitMs('a', 1_000_000)).toBe(0);
  });
});
