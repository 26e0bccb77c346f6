import { describe, expect, test } from '@jest/globals';
import { HostList } from './host-list.js';

describe('KWIK_HOSTS', () => {
  const hosts = HostList.parse('db.example:5432, *.internal,[::1]:80,*:6379,plain');

  test.each([
    ['db.example', 5432],
    ['DB.Example.', 5432],
    ['a.b.internal', 1],
    ['::1', 80],
    ['anything', 6379],
    ['plain', 1],
  ])('%s %i goes over KWIK', (host, port) => expect(hosts.has(host, port)).toBe(true));

  test.each([
    ['db.example', 5433],
    ['internal', 1],
    ['notinternal', 1],
    ['::1', 81],
    ['plain.example', 1],
    ['127.0.0.1', 80],
  ])('%s %i does not', (host, port) => expect(hosts.has(host, port)).toBe(false));

  test.each(['a b', 'host:', 'host:0', 'host:70000', '::1', 'a.*.b', 'http://host'])('refuses %p', (text) => {
    expect(() => HostList.parse(text)).toThrow(/^KWIK_HOSTS: '.*' is not HOST/u);
  });

  test('nothing names nothing', () => expect(HostList.parse(' , ').has('localhost', 1)).toBe(false));
});
