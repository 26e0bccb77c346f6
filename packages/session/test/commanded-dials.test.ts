import { createHash, X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { spkiPin } from '@kwik/quic';
import type { ClientTrust, KwikError } from '@kwik/session';
import { toPathId } from '@kwik/wire';
import { QuicConnector } from '../src/client/connector.js';
import { developmentAuthority, developmentCertificate } from '../src/credentials/dev-authority.js';
import { addressOf, Harness } from './harness.js';
import { HandmadePrimary } from './handmade-primary.js';
import { SimulatedWorld, type SimulatedServer } from './simulated-world.js';

jest.setTimeout(60_000);

const LINK = { both: { rateBitsPerSecond: 50e6, delayMs: 5 } };

describe('a primary that names addresses of its client', () => {
  /** What the primary and the application of its client hear, and how often the target was dialled. */
  async function worldWith(primaryHost: string, targetHost: string, trust: ClientTrust = {}) {
    const world = new SimulatedWorld(3);
    const primary = world.server(primaryHost, LINK);
    const target: SimulatedServer = world.server(targetHost, LINK);
    let connections = 0;
    const refused: KwikError[] = [];
    await world.dial(
      primary.address,
      { paths: { onRefused: ({ error }) => refused.push(error) }, trust },
      {
        wrap: (transport) => {
          if (transport.remote.address === targetHost) connections++;
          return transport;
        },
      },
    );
    const adding = primary.sessions[0]!.addPath(target.address, { reconnect: false });
    const answer = await world.settle(
      adding.then(
        () => 'added',
        (error: unknown) => (error as KwikError).message.replaceAll(target.address, 'TARGET'),
      ),
    );
    return { answer, refused: refused.map(({ code }) => code), connections: () => connections };
  }

  test.each([
    ['203.0.113.1', '127.0.0.1'],
    ['203.0.113.1', '10.0.0.9'],
    ['203.0.113.1', '169.254.169.254'],
    ['10.0.0.1', '127.0.0.1'],
    ['10.0.0.1', '169.254.169.254'],
    ['127.0.0.1', '169.254.169.254'],
  ])('from %s: %s is not dialled, although a server is there', async (from, target) => {
    const { answer, refused, connections } = await worldWith(from, target);
    expect(answer).toBe('path to TARGET: the client has no connection to TARGET');
    expect(refused).toEqual(['ERR_KWIK_PERMISSION_DENIED']);
    expect(connections()).toBe(0);
  });

  test.each([
    ['203.0.113.1', '198.51.100.7', {}],
    ['10.0.0.1', '192.168.0.9', {}],
    ['203.0.113.1', '10.0.0.9', { allowTargets: ['private'] }],
  ] as const)('from %s: %s is dialled, with %p', async (from, target, trust) => {
    const { answer, connections } = await worldWith(from, target, trust);
    expect(answer).toBe('added');
    expect(connections()).toBe(1);
  });
});

describe('over real connections', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await Harness.create();
  });
  afterEach(() => harness.close());

  test('a name is resolved once, and what was judged is dialled', async () => {
    const listener = await harness.listen();
    const { port } = listener.address();
    const trust = { ca: (await developmentAuthority()).certPem };
    // The second answer is another one, as of a name that an attacker holds.
    const answers = [['127.0.0.1'], ['127.0.0.66']];
    const connector = new QuicConnector({ trust }, () => Promise.resolve(answers.shift()!));
    harness.onClose(() => connector.close());
    const judged: string[] = [];
    const admit = (addresses: readonly string[]): Promise<readonly string[]> => {
      judged.push(...addresses);
      return Promise.resolve(addresses);
    };
    const transport = await connector.connect(
      { host: 'rebinding.example', port },
      { admit, serverName: 'localhost', timeoutMs: 5000 },
    );
    expect(transport.remote.address).toBe('127.0.0.1');
    expect(judged).toEqual(['127.0.0.1']);
    expect(answers).toEqual([['127.0.0.66']]);
  });

  test("a primary's pin adds to the client's trust, and replaces none of it", async () => {
    const { certPem, keyPem } = await developmentCertificate(['127.0.0.1']);
    const credentials = { cert: certPem, key: keyPem };
    const primary = await HandmadePrimary.start();
    harness.onClose(() => primary.close());
    const secondary = await harness.listen({ credentials, trust: { keys: [primary.signer.publicKey] } });
    const pin = Buffer.from(spkiPin(new X509Certificate(certPem)), 'hex');
    const other = createHash('sha256').update('another key').digest();
    const at = addressOf(secondary);
    const refused: string[] = [];
    await harness.dial(primary.address, { paths: { onRefused: ({ error }) => refused.push(error.message) } });
    // The chain is good, and still the pin must fit.
    expect(await primary.addPath(at, primary.token(at), { pathId: 1, pin: other })).toMatchObject({ accepted: false });
    expect(refused[0]).toContain('its key has the pin');
    expect(await primary.addPath(at, primary.token(at, { pathId: toPathId(2) }), { pathId: 2, pin })).toMatchObject({
      accepted: true,
    });
  });

  test('nor does it make a server trusted whose certificate the client does not accept', async () => {
    const { certPem, keyPem } = await developmentCertificate(['elsewhere.example']);
    const primary = await HandmadePrimary.start();
    harness.onClose(() => primary.close());
    const trust = { keys: [primary.signer.publicKey] };
    const secondary = await harness.listen({ credentials: { cert: certPem, key: keyPem }, trust });
    const pin = Buffer.from(spkiPin(new X509Certificate(certPem)), 'hex');
    const at = addressOf(secondary);
    const refused: string[] = [];
    await harness.dial(primary.address, { paths: { onRefused: ({ error }) => refused.push(error.code) } });
    expect(await primary.addPath(at, primary.token(at), { pathId: 1, pin })).toMatchObject({ accepted: false });
    expect(refused).toEqual(['ERR_KWIK_CERTIFICATE']);
  });
});
