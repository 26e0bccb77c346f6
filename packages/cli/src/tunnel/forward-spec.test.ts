import { describe, expect, test } from '@jest/globals';
import { nameOfTarget, parseForward } from './forward-spec.js';

describe('-L and -R', () => {
  test.each([
    ['5432:db:15432', '127.0.0.1:5432', 'db:15432'],
    ['0:db:1', '127.0.0.1:0', 'db:1'],
    ['0.0.0.0:80:web.internal:8080', '0.0.0.0:80', 'web.internal:8080'],
    ['[::1]:80:[fe80::1%eth0]:8080', '[::1]:80', '[fe80::1%eth0]:8080'],
  ])('%s', (text, listen, target) => {
    const spec = parseForward(text);
    expect([nameOfTarget(spec.listen), nameOfTarget(spec.target)]).toEqual([listen, target]);
  });

  test.each([
    '',
    '80',
    '80:host',
    'x:host:80',
    '80:host:',
    '80:host:0',
    '80:host:65536',
    '70000:host:1',
    '80:::1:80',
    '80:a b:1',
  ])('refuses %p and says what to write', (text) => expect(() => parseForward(text)).toThrow(/HOST|port|HOST:PORT/u));

  test('a target has one name, however it is written', () => {
    expect(nameOfTarget({ host: 'DB.Internal.', port: 1 })).toBe('db.internal:1');
  });
});
