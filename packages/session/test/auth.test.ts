import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import {
  bearerClientAuth,
  bearerServerAuth,
  certificateClientAuth,
  certificateServerAuth,
  noneClientAuth,
  noneServerAuth,
  pskClientAuth,
  pskServerAuth,
  type ClientAuthenticator,
  type DialOptions,
  type KwikError,
  type ListenOptions,
  type ServerAuthenticator,
} from '@kwik/session';
import { makeClientAuthority } from './client-certificates.js';
import { Harness, pattern } from './harness.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(async () => {
  await harness.close();
});

const key = pattern(32, 1);
const wrongKey = pattern(32, 2);
const psk = pskServerAuth({ keys: new Map([['laptop', key]]) });
const AUTH_FAILED = 'ERR_KWIK_AUTH_FAILED';

/** Who the server takes the client for. */
async function identityOf(listen: ListenOptions, dial: DialOptions): Promise<string | undefined> {
  const { server } = await harness.pair(listen, dial);
  return server.identity;
}

/** The client's error, once the server has counted the refusal and told of it. */
async function refusalOf(listen: ListenOptions, dial: DialOptions): Promise<KwikError> {
  const told: KwikError[] = [];
  const listener = await harness.listen({ ...listen, onRefused: (error) => told.push(error) });
  const error = await harness.dial(listener, dial).then(
    () => undefined,
    (failure: unknown) => failure as KwikError,
  );
  if (error === undefined) throw new TypeError('the client got in');
  // What the server said, it has counted.
  if (error.code === AUTH_FAILED && !/the server (does not hold|left)/.test(error.message)) {
    expect(told.map(({ code }) => code)).toEqual([error.code]);
    expect(listener.stats()).toMatchObject({ sessions: 0, opened: 0, refused: { [error.code]: 1 } });
  }
  return error;
}

describe('none', () => {
  test('lets everybody in where it is listed, and nobody where it is not', async () => {
    expect(await identityOf({ auth: [noneServerAuth()] }, {})).toBeUndefined();
    const error = await refusalOf({ auth: [psk] }, { auth: [noneClientAuth()] });
    expect(error).toMatchObject({
      code: AUTH_FAILED,
      message: 'no way to authenticate in common: the client offers none, the server takes psk',
    });
  });
});

describe('pre-shared key', () => {
  test('the right one opens a session under its name', async () => {
    expect(await identityOf({ auth: [psk] }, { auth: [pskClientAuth({ key, name: 'laptop' })] })).toBe('laptop');
  });

  test.each([
    ['wrong', pskClientAuth({ key: wrongKey, name: 'laptop' })],
    ['of another name', pskClientAuth({ key, name: 'desktop' })],
    ['of no name', pskClientAuth({ key })],
  ])('one that is %s is refused, in the same words', async (_what, auth) => {
    const error = await refusalOf({ auth: [psk] }, { auth: [auth] });
    expect(error).toMatchObject({ code: AUTH_FAILED, message: 'authentication by psk was refused' });
  });

  test('a server that does not hold it gets no session', async () => {
    // It lets everybody in, whatever they prove, and proves nothing itself.
    const impostor: ServerAuthenticator = {
      mechanism: 'psk',
      begin: () => {
        let round = 0;
        return {
          step: () => {
            const data = round++ === 0 ? new Uint8Array(0) : new Uint8Array(32);
            return round > 2 ? { kind: 'decided', decision: { accepted: true } } : { kind: 'challenge', data };
          },
        };
      },
    };
    const error = await refusalOf({ auth: [impostor] }, { auth: [pskClientAuth({ key, name: 'laptop' })] });
    expect(error).toMatchObject({
      code: AUTH_FAILED,
      message: 'authentication by psk: the server does not hold the key',
    });
  });
});

describe('bearer token', () => {
  const check = bearerServerAuth(async (token) => {
    await Promise.resolve();
    return token === 'open sesame' ? { accepted: true, identity: 'ali' } : { accepted: false };
  });

  test('the right one is known by whoever checks it, later too', async () => {
    expect(await identityOf({ auth: [check] }, { auth: [bearerClientAuth('open sesame')] })).toBe('ali');
  });

  test('a wrong one is refused, and not repeated in the error', async () => {
    const error = await refusalOf({ auth: [check] }, { auth: [bearerClientAuth('open barley')] });
    expect(error).toMatchObject({ code: AUTH_FAILED, message: 'authentication by bearer was refused' });
  });

  test('none at all', async () => {
    const error = await refusalOf({ auth: [check] }, {});
    expect(error.message).toBe('no way to authenticate in common: the client offers none, the server takes bearer');
  });

  test('a check that fails lets nobody in and tells nobody why', async () => {
    const broken = bearerServerAuth(() => Promise.reject(new Error('database at 10.0.0.7 is down')));
    const error = await refusalOf({ auth: [broken] }, { auth: [bearerClientAuth('open sesame')] });
    expect(error.message).toBe('authentication by bearer was refused');
  });
});

describe('client certificate', () => {
  test('of the right authority: the session has the name in it', async () => {
    const authority = await makeClientAuthority('clients');
    const auth = [certificateServerAuth({ ca: authority.ca })];
    const identity = await identityOf(
      { auth },
      { auth: [certificateClientAuth(await authority.issue('alice.example'))] },
    );
    expect(identity).toBe('alice.example');
  });

  test('of a name that is not allowed, and none at all', async () => {
    const authority = await makeClientAuthority('clients');
    const auth = [certificateServerAuth({ ca: authority.ca, allow: (name) => name === 'alice.example' })];
    const listen = { auth };
    const dial = { auth: [certificateClientAuth(await authority.issue('mallory.example'))] };
    const refused = { code: AUTH_FAILED, message: 'authentication by certificate was refused' };
    expect(await refusalOf(listen, dial)).toMatchObject(refused);
    const { certificate: _, ...withoutCertificate } = dial.auth[0]!;
    expect(await refusalOf(listen, { auth: [withoutCertificate] })).toMatchObject(refused);
  });

  test('of another authority does not get through TLS', async () => {
    const [ours, theirs] = [await makeClientAuthority('clients'), await makeClientAuthority('strangers')];
    const error = await refusalOf(
      { auth: [certificateServerAuth({ ca: ours.ca })] },
      { auth: [certificateClientAuth(await theirs.issue('alice.example'))] },
    );
    expect(error).toMatchObject({ code: 'ERR_KWIK_CERTIFICATE' });
    expect(error.message).toMatch(/certificate/);
  });
});

describe('mechanisms of one’s own', () => {
  const password = (word: string): ClientAuthenticator => ({
    mechanism: 'x-password',
    begin: () => ({
      initial: () => new Uint8Array(0),
      respond: (challenge) => new Uint8Array(Buffer.from(`${Buffer.from(challenge).toString()} ${word}`)),
      satisfied: () => true,
    }),
  });
  const asking: ServerAuthenticator = {
    mechanism: 'x-password',
    begin: () => ({
      step: (data) =>
        data.length === 0
          ? { kind: 'challenge', data: new Uint8Array(Buffer.from('the word is')) }
          : { kind: 'ask', data },
    }),
    check: (data) =>
      Buffer.from(data).toString() === 'the word is friend' ? { accepted: true, identity: 'elf' } : { accepted: false },
  };

  test('plug into both ends', async () => {
    expect(await identityOf({ auth: [asking] }, { auth: [password('friend')] })).toBe('elf');
    const error = await refusalOf({ auth: [asking] }, { auth: [password('foe')] });
    expect(error).toMatchObject({ code: AUTH_FAILED, message: 'authentication by x-password was refused' });
  });

  test('the first of the client’s list that the server takes is used', async () => {
    const auth = [password('friend'), pskClientAuth({ key, name: 'laptop' })];
    expect(await identityOf({ auth: [psk, asking] }, { auth })).toBe('elf');
    expect(await identityOf({ auth: [noneServerAuth(), psk] }, { auth })).toBe('laptop');
  });
});
