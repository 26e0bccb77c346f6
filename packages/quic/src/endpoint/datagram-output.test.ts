import { expect, test } from '@jest/globals';
import type { KwikError } from '@kwik/wire';
import { EndpointCounters } from '../routing/endpoint-stats.js';
import type { DatagramSocket, SendCallback } from '../socket/datagram-socket.js';
import { DatagramOutput, type DatagramSender } from './datagram-output.js';

/** What a dial hears when the system refuses its datagram of `bytes`: the messages that it is given up with. */
function refused(code: string, bytes: number): { messages: string[]; counted: number | undefined } {
  const messages: string[] = [];
  const counters = new EndpointCounters();
  const submit = (_: number, __: number, ___: number, ____: string, callback?: SendCallback): void =>
    callback?.(Object.assign(new Error(code), { code }));
  const output = new DatagramOutput({ from: () => ({ submit }) } as unknown as DatagramSocket, counters);
  const dial: DatagramSender = {
    side: 'client',
    remote: { address: '192.0.2.1', port: 443, family: 'IPv4' },
    local: { address: '192.0.2.9', port: 5, family: 'IPv4' },
    datagramBytes: 1472,
    halfOpen: true,
    ended: false,
    backend: { destination: undefined },
    abandon: (error: KwikError) => void messages.push(error.message),
  };
  output.submit(dial, bytes);
  const socket = { io: 'dgram', segmentationRefused: undefined } as const;
  const stats = counters.snapshot({ connections: 0, halfOpen: 0, flows: 0 }, socket);
  return { messages, counted: stats.socketErrors[code] };
}

test('a dial ends at once where the system cannot send, and not for a datagram longer than it needs', () => {
  expect(refused('ENETUNREACH', 1200).messages).toEqual(['cannot send to 192.0.2.1 port 443: ENETUNREACH']);
  expect(refused('EMSGSIZE', 1200).messages).toEqual([expect.stringContaining('takes no datagrams of 1200 bytes')]);
  expect(refused('EMSGSIZE', 1472)).toEqual({ messages: [], counted: 1 });
});
