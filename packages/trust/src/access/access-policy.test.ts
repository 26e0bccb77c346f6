import { describe, expect, test } from '@jest/globals';
import type { AccessRequest } from '@kwik/wire';
import fc from 'fast-check';
import { AccessPolicy, type AccessPolicyConfig } from './access-policy.js';
import { matchesGlob } from './glob.js';

const NOW_MS = Date.UTC(2026, 10, 29);
const ask = (request: Partial<AccessRequest>): AccessRequest => ({ action: 'open', nowMs: NOW_MS, ...request });

type RuleConfig = AccessPolicyConfig['rules'][number];
const policy = (...rules: readonly RuleConfig[]): AccessPolicy => new AccessPolicy({ version: 1, rules });
const allows = (rules: readonly RuleConfig[], request: Partial<AccessRequest>): boolean =>
  policy(...rules).decide(ask(request)).allowed;

describe('an access policy', () => {
  test('refuses what no rule allows, by name', () => {
    expect(policy().decide(ask({ identity: 'alice' }))).toEqual({
      allowed: false,
      rule: 'default',
      reason: 'no rule lets alice open',
    });
    expect(allows([{ name: 'relays', may: ['forward'] }], { action: 'open' })).toBe(false);
  });

  test.each<[RuleConfig, Partial<AccessRequest>, Partial<AccessRequest>]>([
    [
      { name: 'who', may: ['open'], who: ['spiffe://example.org/app/*'] },
      { identity: 'spiffe://example.org/app/web' },
      { identity: 'spiffe://example.com/app/web' },
    ],
    [{ name: 'somebody', may: ['open'], who: ['alice'] }, { identity: 'alice' }, {}],
    [{ name: 'anybody', may: ['open'], who: ['*'] }, {}, { action: 'join' }],
    [{ name: 'from', may: ['open'], from: ['10.0.0.0/8', 'fd00::/8'] }, { peer: '10.1.2.3' }, { peer: '11.0.0.1' }],
    [{ name: 'mapped', may: ['open'], from: ['10.0.0.0/8'] }, { peer: '::ffff:10.1.2.3' }, { peer: 'localhost' }],
    [{ name: 'from', may: ['open'], from: ['fd00::/8'] }, { peer: 'fd12::1%eth0' }, {}],
    [
      { name: 'content', may: ['content'], resources: ['films/*'] },
      { action: 'content', resource: 'films/a' },
      { action: 'content', resource: 'books/a' },
    ],
    [
      { name: 'forward', may: ['forward'], to: ['192.0.2.0/24'] },
      { action: 'forward', resource: '192.0.2.9:443' },
      { action: 'forward', resource: '198.51.100.1:443' },
    ],
    [
      { name: 'six', may: ['dial'], to: ['2001:db8::/32'] },
      { action: 'dial', resource: '[2001:db8::1]:443' },
      { action: 'dial', resource: '[2001:db9::1]:443' },
    ],
    [
      { name: 'port', may: ['dial'], resources: ['*:443'] },
      { action: 'dial', resource: '8.8.8.8:443' },
      { action: 'dial', resource: '8.8.8.8:22' },
    ],
    [{ name: 'server', may: ['open'], servers: ['eu-*'] }, { server: 'eu-1' }, { server: 'us-1' }],
    [
      { name: 'session', may: ['join'], sessions: ['ab*'] },
      { action: 'join', sessionId: 'abcd' },
      { action: 'join', sessionId: 'cdab' },
    ],
    [{ name: 'until', may: ['open'], until: '2026-11-29T00:00:01Z' }, { nowMs: NOW_MS }, { nowMs: NOW_MS + 1000 }],
  ])('rule %j holds for what it says, and for nothing else', (rule, fits, fails) => {
    expect(allows([rule], fits)).toBe(true);
    expect(allows([rule], fails)).toBe(false);
  });

  test('has SPIFFE ids as subjects, and none of a trust domain that only begins like it', () => {
    const rules: RuleConfig[] = [
      { name: 'web', may: ['open'], who: ['spiffe://example.org/web', 'spiffe://example.org/app/*'] },
      { name: 'not this one', effect: 'deny', may: ['open'], who: ['spiffe://example.org/app/old'] },
    ];
    const who = (identity: string): string => policy(...rules).decide(ask({ identity })).rule;
    expect(['web', 'app/a', 'app/a/b'].map((path) => who(`spiffe://example.org/${path}`))).toEqual([
      'web',
      'web',
      'web',
    ]);
    expect(who('spiffe://example.org/app/old')).toBe('not this one');
    for (const other of ['.evil.example/web', '/web2', '/app', '']) {
      expect(who(`spiffe://example.org${other}`)).toBe('default');
    }
    expect(() => policy({ name: 'a', may: ['open'], who: ['spiffe://example.org*'] })).toThrow(
      /"spiffe:\/\/example\.org\*" is no SPIFFE id: its trust domain/u,
    );
  });

  test('has denials come first, wherever they stand, and says how much is allowed', () => {
    const rules: RuleConfig[] = [
      {
        name: 'all',
        may: ['forward'],
        until: '2027-01-01T00:00:00Z',
        limits: { bytes: 1000, bytesPerSecond: 10, relayOnly: true, weight: 5 },
      },
      { name: 'not mallory', effect: 'deny', may: ['forward'], who: ['mallory'] },
    ];
    expect(policy(...rules).decide(ask({ action: 'forward', identity: 'mallory' }))).toMatchObject({
      allowed: false,
      rule: 'not mallory',
      reason: "rule 'not mallory' forbids mallory to forward",
    });
    const limits = { bytes: 1000, bytesPerSecond: 10, relayOnly: true, weight: 5, untilMs: Date.UTC(2027, 0, 1) };
    expect(policy(...rules).decide(ask({ action: 'forward' }))).toEqual({ allowed: true, rule: 'all', limits });
  });

  test('counts by rule, and is replaced as a whole or not at all', () => {
    const access = policy({ name: 'alice', may: ['open'], who: ['alice'] });
    for (const identity of ['alice', 'alice', 'bob']) access.decide(ask({ identity }));
    expect(Object.fromEntries(access.counts)).toEqual({
      alice: { allowed: 2, refused: 0 },
      default: { allowed: 0, refused: 1 },
    });
    expect(() => access.replace({ version: 1, rules: [{ name: 'bob' }] })).toThrow(
      /access policy cannot be used[^]*may/u,
    );
    expect(access.decide(ask({ identity: 'alice' })).allowed).toBe(true);
    access.replace({ version: 1, rules: [] });
    expect(access.decide(ask({ identity: 'alice' })).allowed).toBe(false);
  });

  test.each<[unknown]>([
    [undefined],
    [{ version: 2, rules: [] }],
    [{ version: 1, rules: [{ name: 'a', may: ['everything'] }] }],
    [{ version: 1, rules: [{ name: 'a', may: ['open'], form: ['10.0.0.0/8'] }] }],
    [{ version: 1, rules: [{ name: 'a', may: ['open'], from: ['10.0.0.0/33'] }] }],
    [{ version: 1, rules: [{ name: 'a', may: ['open'], until: 'tomorrow' }] }],
    [{ version: 1, rules: [{ name: 'a', may: ['open'], limits: { bytes: -1 } }] }],
    [
      {
        version: 1,
        rules: [
          { name: 'a', may: ['open'] },
          { name: 'a', may: ['join'] },
        ],
      },
    ],
    [{ version: 1, rules: [{ name: 'default', may: ['open'] }] }],
    [{ version: 1, rules: [{ name: 'a', may: ['open'], who: ['spiffe://example.org*'] }] }],
    [{ version: 1, rules: [{ name: 'a', may: ['open'], who: ['spiffe://*/web'] }] }],
    [{ version: 1, rules: [{ name: 'a', may: ['open'], who: ['alice', 'spiffe://Example.org/web'] }] }],
    [{ version: 1, rules: [{ name: 'a', may: ['open'], who: ['spiffe://example.org/web/'] }] }],
  ])('%j is none', (config) => {
    expect(() => new AccessPolicy(config)).toThrow(expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }));
  });
});

test('a pattern matches what a regular expression of it does, in a time that no pattern can blow up', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 12 });
  fc.assert(
    fc.property(letters, fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 }), (pattern, text) => {
      const expression = new RegExp(`^${pattern.replaceAll('*', '.*')}$`, 'u');
      expect(matchesGlob(pattern, text)).toBe(expression.test(text));
    }),
  );
  expect(matchesGlob('*a'.repeat(500), 'a'.repeat(100_000) + 'b')).toBe(false);
});
