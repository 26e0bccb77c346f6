import { expect, test } from '@jest/globals';
import type { DropReason } from '../routing/endpoint-stats.js';
import type { DatagramSource } from '../socket/datagram-socket.js';
import { DatagramIntake, type IntakeOptions } from './datagram-intake.js';

function intakeOf(options: IntakeOptions) {
  const routed: string[] = [];
  const dropped: DropReason[] = [];
  const route = (datagram: Uint8Array, from: DatagramSource) => routed.push(`${datagram[0]} of ${from.address}`);
  const intake = new DatagramIntake(options, { route }, { drop: (reason) => dropped.push(reason) });
  const take = (byte: number, address = '127.0.0.1'): void => {
    const datagram = Uint8Array.of(byte);
    intake.take(datagram, { address, port: 1 });
    datagram.fill(0);
  };
  return { intake, routed, dropped, take };
}

test('what comes before the endpoint listens is routed when it does, in order and as it was', () => {
  const { intake, routed, take } = intakeOf({ holds: true });
  take(1);
  take(2);
  expect(routed).toEqual([]);
  intake.open();
  take(3);
  expect(routed).toEqual(['1 of 127.0.0.1', '2 of 127.0.0.1', '3 of 127.0.0.1']);
});

test('holds no more than 64 datagrams, and counts the others', () => {
  const { intake, routed, dropped, take } = intakeOf({ holds: true });
  for (let count = 0; count < 100; count += 1) take(count);
  intake.open();
  expect(routed).toHaveLength(64);
  expect(dropped).toEqual(Array.from({ length: 36 }, () => 'notListening'));
});

test('an endpoint for this machine alone takes nothing of others, and counts it', () => {
  const { routed, dropped, take } = intakeOf({ holds: false, loopbackOnly: true });
  for (const own of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) take(1, own);
  for (const other of ['10.0.0.1', '::', '::ffff:10.0.0.1', '2001:db8::127', 'fe80::1%lo']) take(2, other);
  expect(routed).toEqual(['1 of 127.0.0.1', '1 of 127.9.9.9', '1 of ::1', '1 of ::ffff:127.0.0.1']);
  expect(dropped).toEqual(Array.from({ length: 5 }, () => 'otherMachine'));
});
