import { describe, expect, test } from '@jest/globals';
import { type AddressScope, scopeOf } from './address-scope.js';
import { type LocalScope, requireTarget } from './target-rule.js';

const SCOPES: Readonly<Record<AddressScope, readonly string[]>> = {
  public: [
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
  ].concat(
    [
      '169.253.255.255',
      '169.255.0.0',
      '172.15.255.255',
      '172.32.0.0',
      '192.167.255.255',
      '192.169.0.0',
      '223.255.255.255',
    ],
    ['2606:4700::1111', '2a00::', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8', '2002:808:808::1', 'fbff::1', 'fe7f::1'],
  ),
  private: ['10.0.0.0', '10.255.255.255', '100.64.0.0', '100.127.255.255', '172.16.0.0', '172.31.255.255'].concat(
    ['192.168.0.0', '192.168.255.255', '198.18.0.1', '198.19.255.255', 'fc00::', 'fdff::1', 'fec0::1', '64:ff9b:1::1'],
    [
      '::ffff:10.1.2.3',
      '::ffff:a01:203',
      '64:ff9b::10.0.0.1',
      '2002:c0a8:101::5',
      '::192.168.1.1',
      '::ffff:0:10.0.0.1',
    ],
  ),
  'link-local': ['169.254.0.0', '169.254.169.254', '169.254.255.255', 'fe80::', 'fe80::1%eth0', 'febf::1'].concat([
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::',
  ]),
  loopback: [
    '127.0.0.0',
    '127.0.0.1',
    '127.255.255.255',
    '::1',
    '::1%lo',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
  ].concat(['::ffff:7f00:1', '64:ff9b::127.0.0.1', '2002:7f00:1::', '::127.0.0.1']),
  unusable: [
    '0.0.0.0',
    '0.1.2.3',
    '192.0.0.8',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '::',
  ].concat([
    'ff02::1',
    'ff0e::1%eth0',
    '::ffff:0.0.0.0',
    '::ffff:224.0.0.1',
    '64:ff9b::255.255.255.255',
    '2001::1',
    '100::1',
  ]),
};

const CASES = Object.entries(SCOPES).flatMap(([scope, addresses]) => addresses.map((one) => [one, scope] as const));

/** Whether a primary at an address may name a target. */
function mayName(primary: string, target: string, allowed: readonly LocalScope[] = []): boolean {
  try {
    requireTarget(target, primary, allowed);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_KWIK_PERMISSION_DENIED' });
    return false;
  }
}

test.each(CASES)('%s is %s', (address, scope) => {
  expect(scopeOf(address)).toBe(scope);
});

describe('what a primary may name', () => {
  test.each([
    ['8.8.8.8', { public: true, private: false, 'link-local': false, loopback: false, unusable: false }],
    ['10.0.0.1', { public: true, private: true, 'link-local': false, loopback: false, unusable: false }],
    ['fe80::2%eth0', { public: true, private: true, 'link-local': true, loopback: false, unusable: false }],
    ['127.0.0.1', { public: true, private: true, 'link-local': false, loopback: true, unusable: false }],
    ['::ffff:127.0.0.1', { public: true, private: true, 'link-local': false, loopback: true, unusable: false }],
  ] as const)('at %s', (primary, expected) => {
    for (const [target, scope] of CASES) expect(mayName(primary, target)).toBe(expected[scope as AddressScope]);
  });

  test('the application may allow more, but no address at which nobody can be', () => {
    for (const allowed of ['private', 'link-local', 'loopback'] as const) {
      for (const [target, scope] of CASES) {
        expect(mayName('8.8.8.8', target, [allowed])).toBe(scope === 'public' || scope === allowed);
      }
    }
  });

  test('a refusal says which option allows it', () => {
    expect(() => requireTarget('10.0.0.1', '8.8.8.8', [])).toThrow("allowTargets: ['private']");
    expect(() => requireTarget('224.0.0.1', '8.8.8.8', [])).toThrow('no address of a server');
  });
});
