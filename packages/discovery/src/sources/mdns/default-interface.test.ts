import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from '@jest/globals';
import { defaultInterface } from './default-interface.js';

const entry = (address: string, internal = false) => ({ address, internal }) as NetworkInterfaceInfo;

test('is the first IPv4 address that others can reach', () => {
  const interfaces = {
    lo: [entry('127.0.0.1', true)],
    eth0: [entry('2001:db8::7'), entry('192.0.2.7')],
    eth1: [entry('192.0.2.8')],
  };
  expect(defaultInterface(() => interfaces)).toBe('192.0.2.7');
});

test('is loopback where there is no such, and where the system does not tell', () => {
  const broken = (): never => {
    throw new Error('A system error occurred: uv_interface_addresses returned EPERM (operation not permitted)');
  };
  expect([() => ({}), () => ({ lo: [entry('127.0.0.1', true)] }), broken].map(defaultInterface)).toEqual(
    Array(3).fill('127.0.0.1'),
  );
});
