import { expect, test } from '@jest/globals';
import type { PathNetwork } from '@kwik/wire';
import { NetworkConnector } from './network-connector.js';

/** A network that notes where it was asked to connect to, and leads nowhere. */
function notedNetwork(): { network: PathNetwork; dialled: string[] } {
  const dialled: string[] = [];
  const network = {
    connect: ({ host }: { host: string }) => {
      dialled.push(host);
      return Promise.reject(new Error('it leads nowhere'));
    },
  } as unknown as PathNetwork;
  return { network, dialled };
}

const TARGET = { host: 'server.test', port: 4433 };

test('what may not be dialled is not: an empty list is a refusal', async () => {
  const { network, dialled } = notedNetwork();
  const connector = new NetworkConnector(network, { idleTimeoutMs: 1000 });
  const admit = () => Promise.resolve([]);
  await expect(connector.connect(TARGET, { timeoutMs: 100, admit })).rejects.toMatchObject({
    code: 'ERR_KWIK_PERMISSION_DENIED',
    message: 'server.test may not be dialled',
  });
  expect(dialled).toEqual([]);
});

test('the address that was admitted is dialled, and the target itself where nobody is asked', async () => {
  const { network, dialled } = notedNetwork();
  const connector = new NetworkConnector(network, { idleTimeoutMs: 1000 });
  const admit = () => Promise.resolve(['192.0.2.1', '192.0.2.2']);
  await expect(connector.connect(TARGET, { timeoutMs: 100, admit })).rejects.toThrow('it leads nowhere');
  await expect(connector.connect(TARGET, { timeoutMs: 100 })).rejects.toThrow('it leads nowhere');
  expect(dialled).toEqual(['192.0.2.1', 'server.test']);
});
