import { describe, expect, test } from '@jest/globals';
import type { Leaving, Session } from '@kwik/session';
import { TunnelLink, type TunnelLinkOptions } from './tunnel-link.js';

class FakeSession {
  readonly closed: Promise<{ readonly reason: string }>;
  readonly leavingListeners: ((leaving: Leaving) => void)[] = [];
  isClosed = false;
  #end!: (info: { readonly reason: string }) => void;

  constructor() {
    this.closed = new Promise((resolve) => (this.#end = resolve));
  }

  onLeaving(listener: (leaving: Leaving) => void): () => void {
    this.leavingListeners.push(listener);
    return () => undefined;
  }

  onTakeover(): () => void {
    return () => undefined;
  }

  close(): Promise<void> {
    this.isClosed = true;
    this.#end({ reason: 'closed' });
    return Promise.resolve();
  }

  leaves(address: string): void {
    for (const listener of this.leavingListeners) listener({ address, serverName: 'two', namedBy: '192.0.2.1' });
  }
}

interface Dial {
  readonly address: string | undefined;
  succeed(): Promise<FakeSession>;
  fail(): Promise<void>;
}

const stop = new AbortController();
const turns = () => new Promise((resolve) => setImmediate(resolve));

/** A tunnel with its first session. */
async function opened() {
  const dials: Dial[] = [];
  const standing: boolean[] = [];
  const said: string[] = [];
  const options = {
    dial: (_signal: AbortSignal, leaving?: Leaving) =>
      new Promise<Session>((resolve, reject) => {
        dials.push({
          address: leaving?.address,
          succeed: async () => {
            const session = new FakeSession();
            resolve(session as unknown as Session);
            await turns();
            return session;
          },
          fail: async () => {
            reject(new Error('not there'));
            await turns();
          },
        });
      }),
    onSession: () => Promise.resolve(),
    onStanding: (stands: boolean) => standing.push(stands),
    say: (line: string) => said.push(line),
    signal: stop.signal,
  } satisfies TunnelLinkOptions;
  const opening = TunnelLink.open(options);
  const first = await dials[0]!.succeed();
  const link = await opening;
  link.keep().catch(() => undefined);
  await turns();
  return { link, first, dials, standing, said };
}

describe('a tunnel whose server is about to stop', () => {
  test('has the session with the standby dialled again when that is lost, while the old one lives', async () => {
    const { first, dials, said } = await opened();
    first.leaves('two:4433');
    await turns();
    const next = await dials[1]!.succeed();
    await next.close();
    await turns();
    expect(said.at(-1)).toMatch(/connecting again$/u);
    expect(first.isClosed).toBe(false);
  });

  test('follows the standby to the one of that, while the old session lives', async () => {
    const { link, first, dials } = await opened();
    first.leaves('two:4433');
    await turns();
    const next = await dials[1]!.succeed();
    next.leaves('three:4433');
    await turns();
    const last = await dials[2]!.succeed();
    expect(dials.map(({ address }) => address)).toEqual([undefined, 'two:4433', 'three:4433']);
    expect(await link.session(stop.signal)).toBe(last);
    await link.close();
    expect([first, next, last].map(({ isClosed }) => isClosed)).toEqual([true, true, true]);
  });

  test('is as well as the session for what is new, whichever others end', async () => {
    const { first, dials, standing } = await opened();
    first.leaves('two:4433');
    await turns();
    const next = await dials[1]!.succeed();
    await first.close();
    await turns();
    expect(standing).toEqual([true, true]);
    await next.close();
    await turns();
    expect(standing).toEqual([true, true, false]);
  });

  test('dials one standby at a time, however many it is told of, and then the last', async () => {
    const { first, dials } = await opened();
    for (const number of [1, 2, 3, 4]) first.leaves(`10.0.0.${number}:4433`);
    await turns();
    expect(dials).toHaveLength(2);
    await dials[1]!.fail();
    await dials[2]!.succeed();
    expect(dials.map(({ address }) => address)).toEqual([undefined, '10.0.0.1:4433', '10.0.0.4:4433']);
  });

  test('stays with it when many sessions are left already, so that no server has it open sessions without end', async () => {
    const { link, first, dials, said } = await opened();
    const sessions = [first];
    for (let number = 1; number <= 20; number++) {
      sessions.at(-1)!.leaves(`10.0.0.${number}:4433`);
      await turns();
      if (dials.length > sessions.length) sessions.push(await dials.at(-1)!.succeed());
    }
    expect(dials).toHaveLength(9);
    expect(await link.session(stop.signal)).toBe(sessions.at(-1));
    expect(said.at(-1)).toContain('8 sessions with servers before it have not ended');
    // There is room when one has.
    await first.close();
    await turns();
    sessions.at(-1)!.leaves('10.0.0.99:4433');
    await turns();
    expect(dials.at(-1)!.address).toBe('10.0.0.99:4433');
  });
});
