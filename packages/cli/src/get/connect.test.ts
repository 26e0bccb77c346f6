import type { DialOptions, Session } from '@kwik/session';
import { KwikError, type ErrorCode } from '@kwik/wire';
import { expect, test } from '@jest/globals';
import type { Network } from '../io.js';
import { connect, explainDialError } from './connect.js';

/** A network in which each server answers as told. */
function network(answers: Readonly<Record<string, ErrorCode | 'session'>>): {
  readonly network: Network;
  readonly dialled: [string, DialOptions | undefined][];
} {
  const dialled: [string, DialOptions | undefined][] = [];
  return {
    dialled,
    network: {
      dial: async (where, options) => {
        const target = typeof where === 'string' ? where : where.host;
        dialled.push([target, options]);
        const answer = answers[target] ?? 'ERR_KWIK_TIMEOUT';
        if (answer !== 'session') throw new KwikError(answer, 'no answer');
        return { id: target } as Partial<Session> as Session;
      },
      listen: () => Promise.reject(new KwikError('ERR_KWIK_UNSUPPORTED')),
    },
  };
}

const options = { timeoutMs: 1234, signal: new AbortController().signal };

test('the first server that answers, in the order given', async () => {
  const said: string[] = [];
  const fake = network({ 'b:2': 'session', 'c:3': 'session' });
  const onFallback = (line: string): void => void said.push(line);
  const { server } = await connect(fake.network, { ...options, servers: ['a:1', 'b:2', 'c:3'], onFallback });
  expect(server).toBe('b:2');
  expect(fake.dialled.map(([target]) => target)).toEqual(['a:1', 'b:2']);
  expect(said).toEqual([expect.stringMatching(/cannot connect to a:1.*trying b:2$/u)]);
});

test('what is known of servers goes with each dial', async () => {
  const fake = network({ 'a:1': 'session' });
  const scores = { refusal: () => undefined, observe: () => undefined };
  await connect(fake.network, { ...options, servers: ['a:1'], scores });
  expect(fake.dialled[0]?.[1]?.guard).toEqual({ servers: scores });
});

test('trust and timeout hold for each', async () => {
  const fake = network({ 'b:2': 'session' });
  const trust = { ca: 'pem' };
  await connect(fake.network, { ...options, servers: ['a:1', 'b:2'], trust });
  for (const [, given] of fake.dialled) expect(given).toMatchObject({ timeouts: { dialMs: 1234 }, trust });
});

test('when none answers, the error is about the one that was asked for', async () => {
  const fake = network({ 'a:1': 'ERR_KWIK_CERTIFICATE' });
  await expect(connect(fake.network, { ...options, servers: ['a:1', 'b:2'] })).rejects.toMatchObject({
    code: 'ERR_KWIK_CERTIFICATE',
    message: 'cannot connect to a:1: no answer',
  });
});

test('Ctrl-C ends it, whatever the servers say', async () => {
  const interrupted = new AbortController();
  interrupted.abort(new KwikError('ERR_KWIK_ABORTED', 'interrupted'));
  const fake = network({});
  const running = connect(fake.network, { ...options, servers: ['a:1', 'b:2'], signal: interrupted.signal });
  await expect(running).rejects.toMatchObject({ code: 'ERR_KWIK_ABORTED' });
  expect(fake.dialled).toHaveLength(1);
});

test.each<[ErrorCode, string, string]>([
  [
    'ERR_KWIK_TIMEOUT',
    'no answer',
    "cannot connect to a:1: no answer; is 'kwik serve' running at a:1, and does UDP get there?",
  ],
  [
    'ERR_KWIK_CONNECT_FAILED',
    'nobody at a:1',
    "nobody at a:1; is 'kwik serve' running at a:1, and does UDP get there?",
  ],
  [
    'ERR_KWIK_CERTIFICATE',
    'a:1 was issued by X; give the authority that issued it, or check that this is the right server',
    "a:1 was issued by X; give the authority that issued it with --ca FILE, or the key's SHA-256 with --pin, or check that this is the right server",
  ],
  [
    'ERR_KWIK_CERTIFICATE',
    'a:1 was issued by "CN=KWIK development authority"; give the authority that issued it, or check that this is the right server',
    'a:1 was issued by "CN=KWIK development authority"; if the server runs for another user, or with another KWIK_DATA_DIR, give the dev-authority/ca.pem of its data folder with --ca; else check that this is the right server',
  ],
  ['ERR_KWIK_CERTIFICATE', 'the key of a:1 has the pin x', 'the key of a:1 has the pin x'],
  ['ERR_KWIK_CERTIFICATE', 'a:1 is not for "b" but for: c', 'a:1 is not for "b" but for: c'],
  ['ERR_KWIK_CERTIFICATE', 'a:1 expired on May 1', 'a:1 expired on May 1'],
  ['ERR_KWIK_VERSION_MISMATCH', 'too old', 'cannot connect to a:1: too old; update the older of the two'],
  ['ERR_KWIK_AUTH_FAILED', 'refused', 'cannot connect to a:1: refused'],
  [
    'ERR_KWIK_CREDENTIALS',
    'say whom to trust with trust.ca (PEM) or trust.pins',
    'cannot connect to a:1: say whom to trust with --ca FILE (its authority, PEM) or --pin (SHA-256 of its key)',
  ],
])('%s: says what happened, once, and what to do', (code, message, expected) => {
  expect(explainDialError('a:1', new KwikError(code, message))).toMatchObject({ code, message: expected });
});

test('a port where nobody listens is asked for a server, whoever said so', () => {
  const cause = Object.assign(new Error('recvmsg ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const error = new KwikError('ERR_KWIK_CONNECT_FAILED', 'nobody listens at a:1', { cause });
  expect(explainDialError('a:1', error).message).toMatch(/^nobody listens at a:1; is 'kwik serve' running at a:1/u);
});

test('a name that is not known is not asked for a server', () => {
  const cause = Object.assign(new Error('getaddrinfo ENOTFOUND a'), { code: 'ENOTFOUND' });
  const error = new KwikError('ERR_KWIK_CONNECT_FAILED', 'check its spelling', { cause });
  expect(explainDialError('a:1', error).message).toBe('cannot connect to a:1: check its spelling');
});

test('of a service that was looked for, it says how to see what is known', () => {
  const { message } = explainDialError('kwik:films', new KwikError('ERR_KWIK_CONNECT_FAILED', 'none is known'));
  expect(message).toBe(
    "cannot connect to kwik:films: none is known; 'kwik servers films' shows what is known of them; do they run, and does UDP get there?",
  );
});
