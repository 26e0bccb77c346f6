import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { until } from '@kwik/testbed';
import { addressOf, Harness } from '../harness.js';

let harness: Harness;

beforeEach(async () => {
  harness = await Harness.create();
});

afterEach(() => harness.close());

test('clients behind a relay do not meet the bounds of the anchor on one address', async () => {
  const relay = await harness.listen({ relay: { anchors: ['127.0.0.1'] } });
  // One for the client itself; what comes by way of the relay has the same address.
  const { client, listener, server } = await harness.pair({ limits: { maxConnectionsPerAddress: 1 } });
  await expect(harness.dial(listener)).rejects.toMatchObject({ code: 'ERR_KWIK_CONNECTION_REFUSED' });
  await server.addPath(addressOf(relay), { capabilities: ['relay'] });
  await until(() => client.getActivePaths().some(({ via }) => via !== undefined));
}, 20_000);
