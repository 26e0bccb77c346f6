import { expect, test } from '@jest/globals';
import { VirtualClock } from '@kwik/testbed';
import { KwikError, type ErrorCode, type proto } from '@kwik/wire';
import { joinServer, type JoiningServer } from './join-server.js';

const COMMAND = { pathId: 1, address: '192.0.2.2:1', token: {} } as unknown as proto.AddPath;

const HELLO = { auth: [], channelBinding: new Uint8Array(32), random: (bytes: number) => new Uint8Array(bytes) };

/** Joins a server whose connections fail so. Gives whether each was dialled with early data, and whether the server was reached. */
async function join(code: ErrorCode, where: 'dial' | 'late' | 'early'): Promise<[boolean[], boolean, unknown]> {
  const clock = new VirtualClock();
  const asked: boolean[] = [];
  const fail = (): never => {
    throw new KwikError(code, 'so');
  };
  const transport = {
    ...{ side: 'client', closed: false, attach: () => undefined, openStream: fail, close: () => undefined },
    stats: () => ({ rttMs: 0 }),
    ...(where === 'early' && { answered: Promise.resolve(true) }),
  };
  const reach = async (...[, , , early = false]: unknown[]): Promise<unknown> => {
    asked.push(early === true);
    if (where === 'dial') fail();
    return { transport, resolved: COMMAND.address, endMs: 1000, settled: () => undefined };
  };
  const joining = {
    ...{ named: { reach }, clock, session: { sessionId: 's', keys: {} }, mayBeEarly: true },
    ...{ hello: () => HELLO, onOpening: () => undefined },
  };
  const progress = { reached: false };
  const dial = { reached: () => void (progress.reached = true), joined: () => undefined };
  const joined = joinServer(joining as unknown as JoiningServer, COMMAND, dial as never);
  const error: unknown = await joined.catch((thrown: unknown) => thrown);
  return [asked, progress.reached, (error as KwikError).code];
}

test('a handshake that fails over early data, in a way that one without may disprove, is made once more', async () => {
  expect(await join('ERR_KWIK_CONNECT_FAILED', 'early')).toEqual([[true, false], false, 'ERR_KWIK_CONNECT_FAILED']);
});

test.each(['ERR_KWIK_TOKEN_INVALID', 'ERR_KWIK_AUTH_FAILED'] as const)(
  'what the server itself says, %s, is taken for its word',
  async (code) => {
    expect(await join(code, 'early')).toEqual([[true], true, code]);
  },
);

test.each(['dial', 'late'] as const)('nothing is made again when no early data was under way: %s', async (where) => {
  expect((await join('ERR_KWIK_CONNECT_FAILED', where))[0]).toEqual([true]);
});
