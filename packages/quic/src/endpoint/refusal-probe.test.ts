import { createSocket } from 'node:dgram';
import { expect, test } from '@jest/globals';
import type { Clock, TransportAddress } from '@kwik/wire';
import { pause } from '@kwik/testbed';
import { systemClock } from './process-resources.js';
import { probeRefusal } from './refusal-probe.js';

/** The system's, but the probe goes at once. */
const clock: Clock = {
  now: () => systemClock().now(),
  schedule: (delayMs, callback) => systemClock().schedule(Math.min(delayMs, 300), callback),
};

/** Whether the probe told of a refusal within half a second. */
async function refused(address: string, port: number): Promise<boolean> {
  const remote: TransportAddress = { address, port, family: address.includes(':') ? 'IPv6' : 'IPv4' };
  let told = false;
  const probe = probeRefusal(remote, clock, () => (told = true));
  await pause(400);
  probe.cancel();
  return told;
}

test('a closed port is told of', async () => {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  expect(await refused('127.0.0.1', port)).toBe(true);
});

// Each fails in `connect` itself, with another error than a refusal: EINVAL, ENETUNREACH, EACCES.
test.each(['fe80::77', 'fe80::1%lo', 'fe80::1%nosuch', '255.255.255.255', 'ff02::1'])(
  'an address that cannot be connected to (%s) says nothing, and ends nothing',
  async (address) => {
    expect(await refused(address, 9)).toBe(false);
  },
);
