import type { Session, Takeover } from '@kwik/session';
import { KwikError, type ErrorCode } from '@kwik/wire';
import { beforeEach, expect, test } from '@jest/globals';
import type { CliIo } from '../io.js';
import { ServerTotals } from '../progress/server-totals.js';
import { pathInfo } from '../test-support/paths.js';
import { withSession, type LinkOptions } from './link.js';

let dialled: string[];
let closed: number;
let progress: number;
let said: string[];
let totals: ServerTotals;
let nowMs: number;
/** From when to when nobody answers. */
let outage: readonly [fromMs: number, toMs: number];
/** Of the session: another server takes it over. */
let takeOver: () => void;
beforeEach(() => {
  takeOver = () => undefined;
  dialled = [];
  closed = 0;
  progress = 0;
  said = [];
  nowMs = 0;
  outage = [0, 0];
  totals = new ServerTotals();
});

/** A machine on which every server answers; each session carries 100 bytes from its primary and 50 from a helper. */
function io(): CliIo {
  return {
    network: {
      dial: (target: string) => {
        dialled.push(target);
        if (nowMs >= outage[0] && nowMs < outage[1]) {
          return Promise.reject(new KwikError('ERR_KWIK_TIMEOUT', 'no answer'));
        }
        return Promise.resolve({
          getAllPaths: () => [
            pathInfo(target, { primary: true, receivedBytes: 100 }),
            pathInfo('helper:9', { id: 1, receivedBytes: 50 }),
          ],
          onTakeover: (listener: (takeover: Takeover) => void) => {
            takeOver = () => listener({ address: 'b:2', before: target, serverId: '', lost: [] });
            return () => undefined;
          },
          openStreamWhenReady: () => Promise.reject(new KwikError('ERR_KWIK_SESSION_CLOSED')),
          close: async () => {
            closed += 1;
          },
        } as unknown as Session);
      },
    },
    now: () => nowMs,
    every: () => () => undefined,
  } as unknown as CliIo;
}

function options(more: Partial<LinkOptions> = {}): LinkOptions {
  return {
    servers: ['a:1'],
    connectTimeoutMs: 1000,
    silenceMs: 10_000,
    wait: async (ms) => void (nowMs += ms),
    signal: new AbortController().signal,
    totals,
    say: (line) => said.push(line),
    progress: () => progress,
    ...more,
  };
}

function lost(code: ErrorCode = 'ERR_KWIK_NO_PATH'): Promise<never> {
  return Promise.reject(new KwikError(code, 'lost'));
}

test('one session, closed at the end, its bytes counted', async () => {
  await withSession(io(), options(), () => Promise.resolve());
  expect({ dialled, closed }).toEqual({ dialled: ['a:1'], closed: 1 });
  expect(totals.list().map(({ server, bytes }) => [server, bytes])).toEqual([
    ['a:1', 100],
    ['helper:9', 50],
  ]);
});

test('a lost session is replaced while there is progress, and bytes add up', async () => {
  let runs = 0;
  await withSession(io(), options(), () => {
    progress += 1;
    runs += 1;
    return runs < 3 ? lost() : Promise.resolve();
  });
  expect({ runs, closed, said }).toEqual({
    runs: 3,
    closed: 3,
    said: Array(2).fill('lost; connecting again for up to 10 s'),
  });
  expect(totals.list()[0]).toMatchObject({ server: 'a:1', bytes: 300 });
});

test('a session that another server took over is worked on again, and nobody is dialled', async () => {
  let runs = 0;
  await withSession(io(), options(), () => {
    runs += 1;
    if (runs === 3) return Promise.resolve();
    takeOver();
    return lost();
  });
  expect({ runs, dialled, closed, said }).toEqual({
    runs: 3,
    dialled: ['a:1'],
    closed: 1,
    said: Array(2).fill('a:1 is gone or about to stop; b:2 goes on with the session'),
  });
});

test('a session that is lost after it was taken over is replaced', async () => {
  let runs = 0;
  await withSession(io(), options(), () => {
    runs += 1;
    if (runs === 1) takeOver();
    return runs < 3 ? lost() : Promise.resolve();
  });
  expect({ runs, closed, dialled }).toEqual({ runs: 3, closed: 2, dialled: ['a:1', 'a:1'] });
});

test('only servers that the user named are dialled, never those that a primary brought in', async () => {
  let runs = 0;
  await withSession(io(), options({ servers: ['a:1', 'b:2'] }), () => {
    progress += 1;
    return runs++ < 3 ? lost() : Promise.resolve();
  });
  expect(new Set(dialled)).toEqual(new Set(['a:1']));
});

test('without progress it is given up when the silence has lasted, however often somebody answers', async () => {
  await expect(withSession(io(), options(), () => lost())).rejects.toMatchObject({ code: 'ERR_KWIK_NO_PATH' });
  expect(nowMs).toBeLessThanOrEqual(10_000);
  expect(nowMs).toBeGreaterThan(9_000);
  expect(closed).toBe(dialled.length);
});

test('a session that is lost again and again is given up, although each got on', async () => {
  const running = withSession(io(), options(), () => {
    progress += 1;
    return lost();
  });
  await expect(running).rejects.toMatchObject({ code: 'ERR_KWIK_NO_PATH' });
  expect(dialled).toHaveLength(101);
});

test('an outage that is shorter than the silence allowed is lived through, a longer one is not', async () => {
  const once = (): (() => Promise<void>) => {
    let runs = 0;
    return () => (runs++ === 0 ? lost() : Promise.resolve());
  };
  outage = [1, 8000];
  await withSession(io(), options(), once());
  expect(nowMs).toBeGreaterThanOrEqual(8000);
  nowMs = 0;
  outage = [1, 60_000];
  await expect(withSession(io(), options(), once())).rejects.toMatchObject({
    code: 'ERR_KWIK_TIMEOUT',
    message: expect.stringMatching(/gave up after 10 s without a byte/u),
  });
});

test('a server that is not there at first is told of at once', async () => {
  outage = [0, 60_000];
  await expect(withSession(io(), options(), () => Promise.resolve())).rejects.toMatchObject({
    code: 'ERR_KWIK_TIMEOUT',
  });
  expect(dialled).toHaveLength(1);
});

test.each<ErrorCode>(['ERR_KWIK_SOURCE_NOT_FOUND', 'ERR_KWIK_DIGEST_MISMATCH', 'ERR_KWIK_CERTIFICATE'])(
  '%s is no lost connection',
  async (code) => {
    const running = withSession(io(), options(), () => {
      progress += 1;
      return lost(code);
    });
    await expect(running).rejects.toMatchObject({ code });
    expect(dialled).toHaveLength(1);
  },
);

test('after Ctrl-C nothing is dialled', async () => {
  const interrupted = new AbortController();
  const running = withSession(io(), options({ signal: interrupted.signal }), () => {
    progress += 1;
    interrupted.abort();
    return lost();
  });
  await expect(running).rejects.toThrow();
  expect(dialled).toHaveLength(1);
});
