import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from '@jest/globals';
import { ownAddresses } from './own-addresses.js';

const interfaces = (): NodeJS.Dict<NetworkInterfaceInfo[]> => ({
  lo: [{ address: '127.0.0.1' } as NetworkInterfaceInfo],
  eth0: [{ address: '192.0.2.7' }, { address: '2001:db8::7' }] as NetworkInterfaceInfo[],
});

test('a server knows itself by all names that it is given, written as records have them', () => {
  const own = ownAddresses(
    '0.0.0.0:5000',
    { announceAddress: ['films.example'], audience: ['[2001:db8::1]'] },
    () => ({}),
  );
  expect(own).toEqual(['0.0.0.0:5000', 'films.example:4433', '[2001:db8::1]:4433']);
});

test('and at each address of its machine, where mDNS finds it', () => {
  const own = ownAddresses('127.0.0.1:5000', { announceAddress: ['films.example:443'], audience: [] }, interfaces);
  expect(own).toEqual(
    expect.arrayContaining(['192.0.2.7:5000', '192.0.2.7:443', '[2001:db8::7]:5000', '127.0.0.1:443']),
  );
  expect(new Set(own).size).toBe(own.length);
});

test('and serves where the system does not tell its addresses', () => {
  const broken = (): never => {
    throw new Error('A system error occurred: uv_interface_addresses returned Unknown system error 13');
  };
  expect(ownAddresses('127.0.0.1:5000', { announceAddress: [], audience: [] }, broken)).toEqual(['127.0.0.1:5000']);
});
