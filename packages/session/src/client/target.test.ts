import { describe, expect, test } from '@jest/globals';
import { formatAddress, isLoopback, onLinkOf, parseTarget } from './target.js';

describe('parseTarget', () => {
  test.each([
    ['h:1', 'h', 1],
    ['127.0.0.1:65535', '127.0.0.1', 65_535],
    ['[::1]:4433', '::1', 4433],
    ['kwik://h:1/path/x', 'h', 1],
    ['[fe80::1%eth0]:4433', 'fe80::1%eth0', 4433],
    ['[fe80::1%2]:4433', 'fe80::1%2', 4433],
    ['[fe80::1%252]:4433', 'fe80::1%252', 4433],
    ['[fe80::1%veth-a.1]:4433', 'fe80::1%veth-a.1', 4433],
    // RFC 6874 in a URL, and RFC 9844.
    ['kwik://[fe80::1%25eth0]:4433', 'fe80::1%eth0', 4433],
    ['kwik://[fe80::1%252]:4433/x', 'fe80::1%2', 4433],
    ['kwik://[fe80::1%eth0]:4433/x', 'fe80::1%eth0', 4433],
  ])('%s', (text, host, port) => {
    expect(parseTarget(text)).toEqual({ host, port });
  });

  test.each([
    '',
    'h',
    ':1',
    'h:0',
    'h:65536',
    '::1:1',
    '[h]:1',
    '[::1',
    '[::1%]:1',
    '[::1]',
    '[127.0.0.1]:1',
    '[::1%a/b]:1',
  ])('refuses %j', (text) => {
    expect(() => parseTarget(text)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }));
  });

  test('what formatAddress writes is read back', () => {
    for (const text of ['[fe80::1%eth0]:1', '[::1]:2', 'h:3']) {
      const { host, port } = parseTarget(text);
      expect(formatAddress(host, port)).toBe(text);
    }
  });
});

test('a loopback address with its interface is one', () => {
  expect(['::1%lo', '::1', '127.9.9.9', 'localhost'].map(isLoopback)).toEqual([true, true, true, true]);
  expect(['fe80::1%lo', '::2', '128.0.0.1'].map(isLoopback)).not.toContain(true);
});

describe('a link-local address that a peer names', () => {
  test.each([
    ['fe80::77', 'fe80::1%eth1', 'fe80::77%eth1'],
    // The peer's own name for the link.
    ['fe80::77%eth0', 'fe80::1%eth1', 'fe80::77%eth1'],
    ['fe80::77%eth0', '192.0.2.1', 'fe80::77%eth0'],
    ['2001:db8::1', 'fe80::1%eth1', '2001:db8::1'],
    ['h', 'fe80::1%eth1', 'h'],
  ])('%s, said by %s, is %s', (host, peer, meant) => {
    expect(onLinkOf({ host, port: 1 }, peer)).toEqual({ host: meant, port: 1 });
  });
});
