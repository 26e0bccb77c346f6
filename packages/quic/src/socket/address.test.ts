import { describe, expect, test } from '@jest/globals';
import { interleaved, MAX_ADDRESSES, reachable, resolveHost } from './address.js';

describe('interleaved', () => {
  test.each([
    { given: [], order: [] },
    { given: ['10.0.0.1'], order: ['10.0.0.1'] },
    { given: ['::1', '127.0.0.1'], order: ['::1', '127.0.0.1'] },
    { given: ['127.0.0.1', '::1'], order: ['127.0.0.1', '::1'] },
    { given: ['a::1', 'a::2', 'a::3', '10.0.0.1'], order: ['a::1', '10.0.0.1', 'a::2', 'a::3'] },
    { given: ['a::1', '10.0.0.1', '10.0.0.2', '10.0.0.3'], order: ['a::1', '10.0.0.1', '10.0.0.2', '10.0.0.3'] },
    { given: ['10.0.0.1', '10.0.0.2', 'a::1'], order: ['10.0.0.1', 'a::1', '10.0.0.2'] },
    { given: ['::1', '::1', '127.0.0.1'], order: ['::1', '127.0.0.1'] },
  ])('$given', ({ given, order }) => {
    expect(interleaved(given)).toEqual(order);
  });

  test('is bounded, and keeps both families', () => {
    const six = Array.from({ length: 50 }, (_, i) => `a::${i + 1}`);
    const four = Array.from({ length: 50 }, (_, i) => `10.0.0.${i + 1}`);
    const order = interleaved([...six, ...four]);
    expect(order).toHaveLength(MAX_ADDRESSES);
    expect(order.slice(0, 4)).toEqual(['a::1', '10.0.0.1', 'a::2', '10.0.0.2']);
  });
});

describe('resolveHost', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1'],
    ['[::1]', '::1'],
    ['0:0::1', '::1'],
  ])('%s needs no resolver', async (host, address) => {
    expect(await resolveHost(host)).toEqual([address]);
  });

  test('localhost has loopback addresses only', async () => {
    const addresses = await resolveHost('localhost');
    expect(addresses.length).toBeGreaterThan(0);
    for (const address of addresses) expect(['127.0.0.1', '::1']).toContain(address);
  });

  test('a name that is none', async () => {
    await expect(resolveHost('no-such-host.invalid')).rejects.toMatchObject({ code: 'ERR_KWIK_CONNECT_FAILED' });
  });
});

describe('reachable', () => {
  const both = ['::1', '127.0.0.1'];
  const local = (address: string) => ({ address, port: 1, family: address.includes(':') ? 'IPv6' : 'IPv4' }) as const;
  const from = (address: string) => reachable('h', 7, both, local(address)).map((remote) => remote.address);

  test('by the family of the socket; the IPv6 wildcard reaches both', () => {
    expect(from('127.0.0.1')).toEqual(['127.0.0.1']);
    expect(from('::1')).toEqual(['::1']);
    expect(from('::')).toEqual(['::1', '::ffff:127.0.0.1']);
  });

  test('none: the error says what there is', () => {
    const none = () => reachable('h', 7, ['::1'], local('127.0.0.1'));
    expect(none).toThrow(/h has only the addresses ::1, which a socket bound to 127\.0\.0\.1 cannot reach/);
  });
});
