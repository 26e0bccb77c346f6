import { expect, test } from '@jest/globals';
import type { PathTransport } from '@kwik/wire';
import { pause, until } from '@kwik/testbed';
import { Endpoint } from './endpoint.js';
import { TestServer } from '../test-support/peers.js';

const HANDLER = { onStream: () => undefined, onSendable: () => undefined, onClose: () => undefined };
/** Real time: until the handshake's last acknowledgements have gone, and for an answer. */
const SETTLE_MS = 300;

test('a sign of life costs a datagram each way, and the handler hears nothing of it', async () => {
  const accepted: PathTransport[] = [];
  const server = await TestServer.start({ onTransport: (transport) => accepted.push(transport) });
  const endpoint = await Endpoint.bind();
  const client = await endpoint.dial(server.dialOptions());
  let heard = 0;
  client.attach({ ...HANDLER, onStream: () => (heard += 1), onClose: () => (heard += 1) });
  await pause(SETTLE_MS);
  const before = endpoint.stats();
  const heardMs = client.lastReceivedMs();
  client.ping?.();
  await until(() => client.lastReceivedMs() > heardMs);
  await pause(SETTLE_MS);
  const after = endpoint.stats();
  expect(after.datagramsSent - before.datagramsSent).toBe(1);
  expect(after.datagramsReceived - before.datagramsReceived).toBe(1);
  expect(heard).toBe(0);
  await endpoint.close();
  await server.endpoint.close();
});
