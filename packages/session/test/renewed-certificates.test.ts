import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { until } from '@kwik/testbed';
import { KwikError, PRIMARY_PATH_ID } from '@kwik/wire';
import { makeAuthority, makeServerCertificate } from '../src/credentials/certificates.js';
import { ClientSession } from '../src/client/client-session.js';
import { Harness, addressOf, pattern, readAll } from './harness.js';

jest.setTimeout(60_000);

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(async () => {
  await harness.close();
});

async function issuedBy(authority: Awaited<ReturnType<typeof makeAuthority>>) {
  const { certPem, keyPem } = await makeServerCertificate(authority, ['127.0.0.1'], 1);
  return { cert: certPem, key: keyPem };
}

test('a renewed certificate vouches for the tokens of sessions that were there, and new clients see it', async () => {
  const [former, next] = await Promise.all([makeAuthority('former', 1), makeAuthority('next', 1)]);
  const secondary = await harness.listen({ credentials: await issuedBy(next), trust: { ca: next.certPem } });
  const primary = await harness.listen({ credentials: await issuedBy(former) });
  // Without a line break between them, as they come.
  const trust = { ca: former.certPem + next.certPem };
  const accepted = primary.accept();
  const client = await harness.dial(primary, { trust });
  const server = await accepted;
  await expect(server.addPath(addressOf(secondary), { reconnect: false })).rejects.toMatchObject({
    code: 'ERR_KWIK_TOKEN_UNTRUSTED',
  });

  primary.updateCredentials(await issuedBy(next));
  expect((await server.addPath(addressOf(secondary))).state).toBe('active');
  expect(client.getActivePaths()).toHaveLength(2);
  await expect(harness.dial(primary, { trust: { ca: former.certPem } })).rejects.toMatchObject({
    code: 'ERR_KWIK_CERTIFICATE',
  });
  expect((await harness.dial(primary, { trust: { ca: next.certPem } })).getActivePaths()).toHaveLength(1);
});

test('a certificate with another key is taken where QUIC keys are renewed, and where the client comes back after that', async () => {
  const authority = await makeAuthority('one', 1);
  const limits = { packetsPerKey: 2000 };
  const primary = await harness.listen({ credentials: await issuedBy(authority), limits });
  const accepted = primary.accept();
  const client = await harness.dial(primary, { trust: { ca: authority.certPem }, limits });
  if (!(client instanceof ClientSession)) throw new Error('a client has another session');
  const server = await accepted;
  primary.updateCredentials(await issuedBy(authority));
  const stream = client.openStream();
  const sent = pattern(2_000_000);
  void stream.write(sent).then(() => stream.close());
  expect(await readAll(await server.acceptStream())).toHaveLength(sent.length);
  await until(() => client.getAllPaths()[0]!.renewals === 1);
  await until(() => server.getAllPaths()[0]!.renewals === 1);
  expect(primary.stats()).toMatchObject({ opened: 1, resumed: 0 });
  client.engine.paths.require(PRIMARY_PATH_ID).die(new KwikError('ERR_KWIK_PATH_DEAD', 'lost'));
  await until(() => client.getActivePaths().length === 1);
  expect(primary.stats()).toMatchObject({ opened: 1, resumed: 1 });
});

test('a certificate that does not go with its key is refused, and the one of before stays', async () => {
  const authority = await makeAuthority('one', 1);
  const [first, second] = await Promise.all([issuedBy(authority), issuedBy(authority)]);
  const primary = await harness.listen({ credentials: first });
  expect(() => primary.updateCredentials({ cert: first.cert, key: second.key })).toThrow(
    expect.objectContaining({ code: 'ERR_KWIK_CREDENTIALS' }),
  );
  const { cert, key } = second;
  const unusable = [
    { cert: 'nothing', key: 'nothing' },
    { cert: '', key: '' },
    { cert },
    { cert: Buffer.from(cert), key },
  ];
  for (const given of unusable) {
    expect(() => primary.updateCredentials(given as never)).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_CREDENTIALS' }),
    );
  }
  const client = await harness.dial(primary, { trust: { ca: authority.certPem } });
  expect(client.getActivePaths()).toHaveLength(1);
});

test('a certificate that comes when the listener is closing is for the sessions that are there, and opens nothing', async () => {
  const authority = await makeAuthority('one', 1);
  const [first, second] = await Promise.all([issuedBy(authority), issuedBy(authority)]);
  const primary = await harness.listen({ credentials: first });
  const trust = { ca: authority.certPem };
  const client = await harness.dial(primary, { trust });
  client.openStream();
  const closing = primary.close();
  primary.updateCredentials(second);
  await expect(harness.dial(primary, { trust })).rejects.toMatchObject({ code: 'ERR_KWIK_CONNECTION_REFUSED' });
  await client.close();
  await closing;
  expect(() => primary.updateCredentials(first)).not.toThrow();
});
