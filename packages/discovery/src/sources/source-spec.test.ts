import { describe, expect, test } from '@jest/globals';
import { openSource } from './open-source.js';
import { parseSource, SOURCE_FORMS } from './source-spec.js';

describe('a source in words', () => {
  test.each([
    ['http://127.0.0.1:4480', { kind: 'http', url: 'http://127.0.0.1:4480' }],
    ['https://registry.example/base', { kind: 'http', url: 'https://registry.example/base' }],
    ['etcd:127.0.0.1:2379', { kind: 'etcd', hosts: ['127.0.0.1:2379'], secure: false }],
    ['etcds:a.example:2379,[::1]:2380', { kind: 'etcd', hosts: ['a.example:2379', '[::1]:2380'], secure: true }],
    ['dns-sd', { kind: 'dns-sd' }],
    ['dns-sd:films.example', { kind: 'dns-sd', domain: 'films.example' }],
    ['dns-sd@127.0.0.1:5353', { kind: 'dns-sd', resolvers: ['127.0.0.1:5353'] }],
    ['svcb:films.example@[::1]:53', { kind: 'svcb', domain: 'films.example', resolvers: ['[::1]:53'] }],
    ['mdns', { kind: 'mdns' }],
    ['mdns:127.0.0.1', { kind: 'mdns', interface: '127.0.0.1' }],
    ['mdns:127.0.0.1:15353', { kind: 'mdns', interface: '127.0.0.1', port: 15_353 }],
    ['file:/etc/kwik/a@b:c.json', { kind: 'file', path: '/etc/kwik/a@b:c.json' }],
    ['static:a.example:4433,b.example:4433', { kind: 'static', servers: ['a.example:4433', 'b.example:4433'] }],
  ])('%s', (text, expected) => {
    expect(parseSource(text)).toEqual({ text, ...expected });
    const { name } = openSource(parseSource(text), { service: 'films' });
    expect(name).toBe(text);
  });

  test.each([
    ['', /no kind of source/],
    ['films', /no kind of source/],
    ['consul:127.0.0.1:8500', /no kind of source/],
    ['http://', /no URL/],
    ['etcd:', /1 to 16 addresses/],
    ['etcd:host', /'host' is not HOST:PORT/],
    ['static:a:0', /'a:0' is not HOST:PORT/],
    [`static:${'a:1,'.repeat(17)}`, /1 to 16 addresses/],
    ['dns-sd:', /no domain/],
    ['dns-sd:a b', /no domain/],
    ['dns-sd:a.example@resolver.example', /no IP address of a resolver/],
    ['mdns:::1', /no IPv4 address/],
    ['mdns:eth0', /no IPv4 address/],
    ['file:', /a file has a path/],
    ['file', /a file has a path/],
  ])('%j is refused, and it is said why', (text, why) => {
    expect(() => parseSource(text)).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT', message: expect.stringMatching(why) }),
    );
  });

  test.each([
    'https://me:secret@registry.example/',
    'https://me:secret@registry.example:99999/',
    'https://secret@',
    'https://registry.example/?token=secret',
    'https://registry.example/#secret',
    'etcd:me:secret@127.0.0.1:2379',
    'etcds:a.example:1,me:secret@b.example:2379',
  ])('%s is refused, for what is secret, which is not said again', (text) => {
    expect(() => parseSource(text)).toThrow(
      expect.objectContaining({
        code: 'ERR_KWIK_INVALID_ARGUMENT',
        message: expect.stringMatching(/^(?!.*secret).*(?:apart|no password)/),
      }),
    );
  });

  test('each form of the help can be read', () => {
    const kinds = SOURCE_FORMS.map((form) => /^[a-z-]+/.exec(form)?.[0]);
    expect(kinds).toEqual(['https', 'etcd', 'dns-sd', 'svcb', 'mdns', 'file', 'static']);
  });
});

describe('credentials of a source', () => {
  test('neither a token nor a password crosses a network in the clear', () => {
    const credentials = { token: 't', user: 'me', password: 'secret' };
    const open = (text: string) => openSource(parseSource(text), { service: 'films', credentials });
    expect(() => open('http://registry.example/')).toThrow(/in the clear/);
    expect(() => open('http://127.0.0.1:4480/')).not.toThrow();
    expect(() => open('etcd:etcd.example:2379')).toThrow(/in the clear/);
    expect(() => open('etcds:etcd.example:2379')).not.toThrow();
  });
});
