import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { checkSpiffePattern, isSpiffeUri, parseSpiffeId } from './spiffe-id.js';
import { svidName } from './svid.js';

const LONG = `spiffe://example.org/${'a'.repeat(2048)}`.slice(0, 2048);

describe('a SPIFFE id', () => {
  test.each([
    ['spiffe://example.org', 'example.org', ''],
    ['spiffe://example.org/web', 'example.org', '/web'],
    ['spiffe://10.0.0.1/a/b-c_d.e/F9', '10.0.0.1', '/a/b-c_d.e/F9'],
    ['spiffe://a_b-c.9/...', 'a_b-c.9', '/...'],
    [LONG, 'example.org', LONG.slice(20)],
    [`spiffe://${'d'.repeat(255)}/x`, 'd'.repeat(255), '/x'],
  ])('%j has its parts', (text, trustDomain, path) => {
    expect(parseSpiffeId(text)).toEqual({ trustDomain, path });
  });

  test.each([
    ['', 'begin with'],
    ['https://example.org/web', 'begin with'],
    ['SPIFFE://example.org/web', 'begin with'],
    ['spiffe:example.org/web', 'begin with'],
    [' spiffe://example.org/web', 'begin with'],
    ['spiffe://', 'no trust domain'],
    ['spiffe:///web', 'no trust domain'],
    ['spiffe://Example.org/web', 'trust domain has other characters'],
    ['spiffe://exämple.org/web', 'trust domain has other characters'],
    ['spiffe://exa%6dple.org/web', 'trust domain has other characters'],
    ['spiffe://*.org/web', 'trust domain has other characters'],
    ['spiffe://user@example.org/web', 'a user or a port'],
    ['spiffe://example.org:443/web', 'a user or a port'],
    ['spiffe://[::1]/web', 'a user or a port'],
    [`spiffe://${'d'.repeat(256)}/x`, 'more than 255 bytes'],
    ['spiffe://example.org?a=b', 'query or a fragment'],
    ['spiffe://example.org#a', 'query or a fragment'],
    ['spiffe://example.org/web?a=b', 'query or a fragment'],
    ['spiffe://example.org/web#a', 'query or a fragment'],
    ['spiffe://example.org/', 'empty segment'],
    ['spiffe://example.org/web/', 'empty segment'],
    ['spiffe://example.org//web', 'empty segment'],
    ['spiffe://example.org/a/./b', 'dot segment'],
    ['spiffe://example.org/a/..', 'dot segment'],
    ['spiffe://example.org/a%2e%2e', 'path has other characters'],
    ['spiffe://example.org/a b', 'path has other characters'],
    ['spiffe://example.org/a\u0000', 'path has other characters'],
    ['spiffe://example.org/a\n', 'path has other characters'],
    ['spiffe://example.org/a*', 'path has other characters'],
    [`${LONG}a`, 'more than 2048 bytes'],
  ])('%j is none, and it is said why', (text, why) => {
    expect(() => parseSpiffeId(text)).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT', message: expect.stringContaining(why) }),
    );
  });

  test('has one form: whatever is taken is what its parts make', () => {
    const pieces = fc.constantFrom('spiffe://', 'example.org', '/', 'a', '.', '..', 'A', '%', '?', '#', '@', ':', ' ');
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 10 }), (parts) => {
        const text = `spiffe://${parts.join('')}`;
        let id;
        try {
          id = parseSpiffeId(text);
        } catch {
          return;
        }
        expect(`spiffe://${id.trustDomain}${id.path}`).toBe(text);
        const url = new URL(text);
        expect([url.host, url.pathname, url.search, url.hash]).toEqual([id.trustDomain, id.path, '', '']);
      }),
    );
  });

  test('is looked for in any case, so that nothing passes that only looks like one', () => {
    expect(['spiffe://a/b', 'SpIfFe:x', ' spiffe://a', 'spiff://a', 'xspiffe:'].map(isSpiffeUri)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  test.each(['spiffe://example.org/*', 'spiffe://example.org/app-*/x', 'spiffe://example.org/web'])(
    '%j is a pattern',
    (text) => {
      expect(() => checkSpiffePattern(text)).not.toThrow();
    },
  );

  test.each([
    'spiffe://*',
    'spiffe://example.org*',
    'spiffe://*/web',
    'spiffe://Example.org/*',
    'spiffe://example.org/a?*',
  ])('%j is none', (text) => {
    expect(() => checkSpiffePattern(text)).toThrow(/is no SPIFFE id/u);
  });
});

describe('the SPIFFE id of a certificate', () => {
  test.each([
    ['URI:spiffe://example.org/web', 'spiffe://example.org/web'],
    ['DNS:a.example, URI:spiffe://example.org/web, IP Address:10.0.0.1', 'spiffe://example.org/web'],
    ['DirName:"CN=a, URI:spiffe://evil.example/x", URI:spiffe://example.org/web', 'spiffe://example.org/web'],
  ])('%s', (text, id) => {
    expect(svidName(text)).toEqual({ kind: 'id', id });
  });

  test.each([
    '',
    'DNS:a.example',
    'URI:https://example.org/web',
    'URI:https://a/b, URI:https://c/d',
    'DNS:"a, URI:spiffe://x/y"',
  ])('is not in %j', (text) => {
    expect(svidName(text)).toEqual({ kind: 'none' });
  });

  test.each([
    ['URI:spiffe://example.org/web, URI:spiffe://example.org/admin', 'has 2 URIs'],
    ['URI:https://example.org, URI:spiffe://example.org/admin', 'has 2 URIs'],
    ['DNS:spiffe://example.org/admin', 'no URI'],
    ['email:spiffe://example.org/admin', 'no URI'],
    ['URI:spiffe://example.org/web, DNS:spiffe://example.org/admin', 'no URI'],
    ['URI:spiffe://example.org/admin evil', 'other characters'],
    ['URI:"spiffe://example.org/admin\\u002c"', 'is no SPIFFE id'],
    ['URI:SPIFFE://example.org/admin', 'begin with'],
    ['URI:spiffe://example.org', 'not of a workload'],
    ['URI:spiffe://example.org/', 'empty segment'],
  ])('is refused of %j', (text, why) => {
    expect(svidName(text)).toEqual({ kind: 'fault', reason: expect.stringContaining(why) });
  });
});
