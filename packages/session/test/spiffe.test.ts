import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { certificateClientAuth, certificateServerAuth, type DialOptions, type ListenOptions } from '@kwik/session';
import type { AccessControl } from '@kwik/wire';
import { makeClientAuthority, type ClientAuthority } from './client-certificates.js';
import { Harness } from './harness.js';

/** For machines that do much else at the time; nothing here waits for a clock. */
jest.setTimeout(60_000);

const SERVER = 'spiffe://example.org/servers/one';
const CLIENT = 'spiffe://example.org/clients/alice';

let authority: ClientAuthority;
let harness: Harness;
beforeAll(async () => {
  authority = await makeClientAuthority('workloads');
});
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

const issue = (usage: 'client' | 'server', ...ids: readonly string[]) =>
  authority.issue('x', { usage, names: ids.map((value) => ({ type: 'url' as const, value })) });

/** Lets one identity open sessions. */
const only = (allowed: string): AccessControl => ({
  decide: ({ identity }) =>
    identity === allowed
      ? { allowed: true, rule: 'one', limits: {} }
      : { allowed: false, rule: 'default', reason: `not ${identity ?? 'nobody'}` },
});

async function options(serverId: string, clientIds: readonly string[]): Promise<[ListenOptions, DialOptions]> {
  const auth = [certificateServerAuth({ ca: authority.ca })];
  const listen = { credentials: await issue('server', serverId), auth, guard: { access: only(CLIENT) } };
  const clientAuth = [certificateClientAuth(await issue('client', ...clientIds))];
  return [listen, { trust: { ca: authority.ca, serverName: SERVER }, auth: clientAuth }];
}

describe('SPIFFE ids', () => {
  test('are who both ends are: no host name is asked for, and rules name the client by its id', async () => {
    const [listen, dial] = await options(SERVER, [CLIENT]);
    const { server } = await harness.pair(listen, dial);
    expect(server.identity).toBe(CLIENT);
  });

  test('of another server is not the one that was meant', async () => {
    const [listen, dial] = await options('spiffe://example.org/servers/two', [CLIENT]);
    const listener = await harness.listen(listen);
    await expect(harness.dial(listener, dial)).rejects.toMatchObject({
      code: 'ERR_KWIK_CERTIFICATE',
      message: expect.stringContaining('servers/two'),
    });
  });

  test('of another client is refused by the rule, and a certificate with two ids is nobody', async () => {
    const [listen, bob] = await options(SERVER, ['spiffe://example.org/clients/bob']);
    const [, two] = await options(SERVER, [CLIENT, 'spiffe://example.org/clients/bob']);
    const listener = await harness.listen(listen);
    await expect(harness.dial(listener, bob)).rejects.toMatchObject({ code: 'ERR_KWIK_PERMISSION_DENIED' });
    await expect(harness.dial(listener, two)).rejects.toMatchObject({ code: 'ERR_KWIK_AUTH_FAILED' });
  });

  test('that are malformed are refused where they are given', async () => {
    const listener = await harness.listen();
    const dial = { trust: { ca: authority.ca, serverName: 'spiffe://example.org/one/' } };
    await expect(harness.dial(listener, dial)).rejects.toMatchObject({
      code: 'ERR_KWIK_INVALID_ARGUMENT',
      message: expect.stringContaining('empty segment'),
    });
  });
});

describe('an authority of one trust domain', () => {
  const ELSEWHERE = 'spiffe://other.example/servers/one';
  let other: ClientAuthority;
  beforeAll(async () => {
    other = await makeClientAuthority('others');
  });
  const domains = () => ({ 'example.org': authority.ca, 'other.example': other.ca });
  const certificate = (by: ClientAuthority, usage: 'client' | 'server', id: string) =>
    by.issue('x', { usage, names: [{ type: 'url' as const, value: id }] });

  test('vouches for clients of its own, and for none of another', async () => {
    const listener = await harness.listen({
      credentials: await certificate(authority, 'server', SERVER),
      auth: [certificateServerAuth({ trustDomains: domains() })],
    });
    const dialAs = async (by: ClientAuthority, id: string) => {
      const auth = [certificateClientAuth(await certificate(by, 'client', id))];
      return harness.dial(listener, { trust: { trustDomains: domains(), serverName: SERVER }, auth });
    };
    await dialAs(authority, CLIENT);
    await dialAs(other, 'spiffe://other.example/clients/alice');
    const refused = { code: 'ERR_KWIK_AUTH_FAILED' };
    await expect(dialAs(other, CLIENT)).rejects.toMatchObject(refused);
    await expect(dialAs(authority, 'spiffe://other.example/clients/alice')).rejects.toMatchObject(refused);
  });

  test('vouches for servers of its own, and for none of another', async () => {
    const serverOf = async (by: ClientAuthority, id: string) =>
      harness.listen({ credentials: await certificate(by, 'server', id) });
    const trust = (serverName: string) => ({ trust: { trustDomains: domains(), serverName } });
    await harness.dial(await serverOf(other, ELSEWHERE), trust(ELSEWHERE));
    const impostor = await serverOf(authority, ELSEWHERE);
    await expect(harness.dial(impostor, trust(ELSEWHERE))).rejects.toMatchObject({ code: 'ERR_KWIK_CERTIFICATE' });
    await expect(harness.dial(impostor, trust('spiffe://third.example/a'))).rejects.toMatchObject({
      code: 'ERR_KWIK_CREDENTIALS',
      message: expect.stringContaining('third.example in trust.trustDomains'),
    });
  });
});
