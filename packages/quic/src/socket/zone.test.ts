import { describe, expect, test } from '@jest/globals';
import { canonicalAddress, isLinkLocal, withoutZone } from './zone.js';

const interfaces = () => ({ lo: [{ scopeid: 0 }], eth0: [{}, { scopeid: 4 }], 'veth-a.1': [{ scopeid: 12 }] });
const refused = expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' });

describe('canonicalAddress', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8::0001', '2001:db8::1'],
    ['::ffff:7f00:1', '::ffff:127.0.0.1'],
    ['FE80::0001%eth0', 'fe80::1%eth0'],
    ['fe80::1%veth-a.1', 'fe80::1%veth-a.1'],
    // By number, as the system names it in what it receives.
    ['fe80::1%4', 'fe80::1%eth0'],
    ['febf::1%12', 'febf::1%veth-a.1'],
    // A zone that the address does not need: datagrams come without it.
    ['::1%lo', '::1'],
    ['2001:db8::1%eth0', '2001:db8::1'],
  ])('%s is %s', (address, canonical) => {
    expect(canonicalAddress(address, interfaces)).toBe(canonical);
  });

  test.each(['fe80::1', 'febf::1'])('refuses %s, which names no interface, and says how to', (address) => {
    expect(() => canonicalAddress(address, interfaces)).toThrow(refused);
    expect(() => canonicalAddress(address, interfaces)).toThrow(/link-local.*%eth0 \(this machine has: lo, eth0/);
  });

  test.each(['fe80::1%nosuch', 'fe80::1%5', 'fe80::1%04', '::1%nosuch', 'fe80::1%toString'])(
    'refuses %s',
    (address) => {
      expect(() => canonicalAddress(address, interfaces)).toThrow(refused);
    },
  );

  test('asks for the interfaces only where a zone is needed', () => {
    const never = (): never => {
      throw new Error('asked');
    };
    expect([canonicalAddress('10.0.0.1', never), canonicalAddress('::1', never)]).toEqual(['10.0.0.1', '::1']);
  });
});

test('link-local is fe80::/10', () => {
  expect(['fe80::1', 'FEBF::1', 'fe80::1%eth0'].map(isLinkLocal)).toEqual([true, true, true]);
  expect(['fec0::1', 'fe7f::1', '::1', '169.254.0.1', 'fe80.example'].map(isLinkLocal)).not.toContain(true);
});

test('withoutZone', () => {
  expect([withoutZone('fe80::1%eth0'), withoutZone('::1')]).toEqual(['fe80::1', '::1']);
});
