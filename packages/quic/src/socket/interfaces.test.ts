import * as os from 'node:os';
import { expect, jest, test } from '@jest/globals';

/** As in a sandbox that forbids it. */
const broken = (): never => {
  throw new Error('A system error occurred: uv_interface_addresses returned EPERM (operation not permitted)');
};
jest.unstable_mockModule('node:os', () => ({ ...os, networkInterfaces: broken }));

const { isOwnAddress } = await import('./address.js');
const { AF_INET6, MAX_ADDRESS_BYTES, SocketAddresses } = await import('./socket-address.js');
const { canonicalAddress } = await import('./zone.js');

/** Little-endian, as Linux has it: `fe80::1`, port 4433, of the interface with this number. */
function linkLocal(scope: number): Uint32Array {
  const bytes = new Uint8Array(MAX_ADDRESS_BYTES);
  bytes[0] = AF_INET6;
  bytes.set([4433 >> 8, 4433 & 0xff], 2);
  bytes.set([0xfe, 0x80], 8);
  bytes[23] = 1;
  bytes[24] = scope;
  return new Uint32Array(bytes.buffer);
}

test('where the system does not tell its addresses those of loopback are its own, and others are not', () => {
  expect(['127.0.0.1', '::1', '192.0.2.7'].map((one) => isOwnAddress(one, '::'))).toEqual([true, true, false]);
});

test('and a datagram of a neighbour is read, which is answered by the number of the interface', () => {
  const addresses = new SocketAddresses();
  const source = addresses.decode(linkLocal(3), 0);
  expect(source).toEqual({ address: 'fe80::1%3', port: 4433 });
  const out = new Uint8Array(MAX_ADDRESS_BYTES);
  addresses.encode(source.address, source.port, out);
  expect(new Uint32Array(out.buffer)).toEqual(linkLocal(3));
});

test('and an address that takes an interface is refused with the reason', () => {
  for (const given of ['fe80::1', 'fe80::1%eth0']) {
    expect(() => canonicalAddress(given)).toThrow(
      expect.objectContaining({
        code: 'ERR_KWIK_INVALID_ARGUMENT',
        message: expect.stringContaining('(the system names no interface)'),
      }),
    );
  }
});
