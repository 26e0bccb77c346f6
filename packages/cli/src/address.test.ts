import { describe, expect, test } from '@jest/globals';
import { DEFAULT_PORT, formatHostPort, parseHostPort, parseKwikUrl, parseServer } from './address.js';

const usage = expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' });

describe('parseHostPort', () => {
  test.each([
    ['127.0.0.1:4434', '127.0.0.1', 4434],
    ['files.example', 'files.example', DEFAULT_PORT],
    ['[::1]:1', '::1', 1],
    ['[fe80::1%eth0]', 'fe80::1%eth0', DEFAULT_PORT],
    ['h:65535', 'h', 65_535],
  ])('%s', (text, host, port) => {
    expect(parseHostPort(text)).toEqual({ host, port });
  });

  test.each([
    '',
    ':1',
    'h:',
    'h:x',
    'h:65536',
    'h:0',
    '::1',
    '[h]:1',
    '[::1',
    'a b:1',
    'h:1/',
    'h\n:1',
    'x'.repeat(255),
  ])('refuses %j', (text) => {
    expect(() => parseHostPort(text)).toThrow(usage);
  });

  test('takes port 0 only where the system may choose', () => {
    expect(parseHostPort('h:0', { allowZero: true })).toEqual({ host: 'h', port: 0 });
  });

  test('formatHostPort puts IPv6 into brackets, and is read back', () => {
    for (const address of ['[::1]:4433', '10.0.0.1:1']) expect(formatHostPort(parseHostPort(address))).toBe(address);
  });
});

describe('parseKwikUrl', () => {
  test.each([
    ['kwik://h/file', 'file'],
    ['KWIK://h:1/a/b%20c', 'a/b c'],
    ['kwik://h', ''],
    ['kwik://h/', ''],
    ['kwik://h/a/', 'a/'],
    ['kwik://h/%E2%9C%93', '✓'],
    ['kwik://h/100%25', '100%'],
    // Left as they are: refusing them is the server's business.
    ['kwik://h/../x', '../x'],
    ['kwik://h/%2e%2e/x', '../x'],
    ['kwik://h//etc', '/etc'],
  ])('%s', (url, path) => {
    expect(parseKwikUrl(url).path).toBe(path);
  });

  test.each([
    ['kwik://[fe80::1%25eth0]:4433/x', 'fe80::1%eth0'],
    ['kwik://[fe80::1%eth0]/x', 'fe80::1%eth0'],
    ['kwik://[fe80::1%252]/x', 'fe80::1%2'],
    ['kwik://[fe80::1%25]/x', 'fe80::1%25'],
  ])('the zone of %s', (url, host) => {
    expect(parseKwikUrl(url).server).toBe(`[${host}]:${DEFAULT_PORT}`);
  });

  test('a service: by its name, without slashes before it', () => {
    expect(parseKwikUrl('kwik:films/a/b%20c')).toEqual({ server: 'kwik:films', service: 'films', path: 'a/b c' });
    expect(parseKwikUrl('kwik:films.example')).toMatchObject({ service: 'films.example', path: '' });
    expect(parseKwikUrl('kwik://films/a').service).toBeUndefined();
  });

  test.each([
    'http://h/x',
    'h/x',
    'kwik:',
    'kwik:///x',
    'kwik:h:1/x',
    'kwik:a b/x',
    'kwik://h/x?y',
    'kwik://h/x#y',
    'kwik://h/%',
    'kwik://h/%zz',
  ])('refuses %s', (url) => {
    expect(() => parseKwikUrl(url)).toThrow(usage);
  });

  test.each(['kwik://h/a%2fb', 'kwik://h/a%5Cb', 'kwik://h/a%00'])('refuses the encoded separator in %s', (url) => {
    expect(() => parseKwikUrl(url)).toThrow(/cannot hold a slash/u);
  });
});

describe('parseServer', () => {
  test.each([
    ['h:1', { host: 'h', port: 1 }],
    ['kwik://h:1', { host: 'h', port: 1 }],
    ['KWIK://[::1]:2/films/a%20b', { host: '::1', port: 2 }],
    ['kwik://h/', { host: 'h', port: DEFAULT_PORT }],
  ])('reads %s', (text, server) => {
    expect(parseServer(text)).toEqual(server);
  });

  test.each([
    ['kwik:films', /kwik servers films/u],
    ['kwik://', /is not a kwik URL/u],
    ['kwik://h:0', /port must be/u],
    ['http://h:1', /is not HOST:PORT/u],
  ])('refuses %s', (text, words) => {
    expect(() => parseServer(text)).toThrow(words);
  });
});
