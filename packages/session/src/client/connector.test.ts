import { expect, test } from '@jest/globals';
import { certificateClientAuth, noneClientAuth } from '@kwik/kcp';
import type { DialOptions as EndpointDial } from '@kwik/quic';
import { KwikError } from '@kwik/wire';
import type { DialOptions } from '../api/options.js';
import { QuicConnector } from './connector.js';

/** What a socket is asked for when a client with these options dials. */
async function asked(options: DialOptions, requiredPin?: string): Promise<EndpointDial> {
  const dials: EndpointDial[] = [];
  const endpoint = {
    dial: (dial: EndpointDial) => {
      dials.push(dial);
      return Promise.reject(new KwikError('ERR_KWIK_CONNECT_FAILED'));
    },
    flushed: () => Promise.resolve(),
  };
  const connector = new QuicConnector(options, () => Promise.resolve(['192.0.2.1']), { endpoint });
  const connecting = connector.connect({ host: 'server.example', port: 4433 }, { timeoutMs: 1000, requiredPin });
  await expect(connecting).rejects.toBeInstanceOf(KwikError);
  return dials[0]!;
}

test('trust: authorities and pins, and the pin that somebody else adds', async () => {
  expect((await asked({ trust: { ca: 'PEM' } })).trust).toEqual({ ca: 'PEM' });
  expect((await asked({ trust: { ca: 'PEM', pins: ['one'] } }, 'two')).trust).toEqual({
    ca: 'PEM',
    pins: ['one'],
    requiredPin: 'two',
  });
});

test('auth: the first certificate among the ways to authenticate is shown', async () => {
  const auth = [noneClientAuth(), certificateClientAuth({ cert: 'CERT', key: 'KEY' })];
  expect((await asked({ auth, trust: { ca: 'PEM' } })).certificate).toEqual({ certPem: 'CERT', keyPem: 'KEY' });
  expect(await asked({ trust: { ca: 'PEM' } })).not.toHaveProperty('certificate');
});

test('transport and idle time', async () => {
  const transport = { congestionControl: 'reno', pacing: false, datagramBytes: 1200 } as const;
  const dial = await asked({ trust: { ca: 'PEM' }, transport, timeouts: { idleMs: 7000 } });
  expect(dial.transport).toMatchObject({ ...transport, idleTimeoutMs: 7000 });
  expect((await asked({ trust: { ca: 'PEM' } })).transport).toMatchObject({ idleTimeoutMs: 30_000 });
});

test('what may not be dialled is not, and nobody waits for it: an empty list is a refusal', async () => {
  const connector = new QuicConnector({}, () => Promise.resolve(['192.0.2.1', '192.0.2.2']));
  const admit = () => Promise.resolve([]);
  const connecting = connector.connect({ host: 'server.example', port: 4433 }, { timeoutMs: 1000, admit });
  await expect(connecting).rejects.toMatchObject({
    code: 'ERR_KWIK_PERMISSION_DENIED',
    message: 'server.example may not be dialled',
  });
  await connector.close();
});
