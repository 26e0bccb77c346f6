import { beforeAll, describe, expect, test } from '@jest/globals';
import { type Issued, makeAuthority } from '../test-support/certificates.js';
import { Authorities } from './trust-domains.js';

const url = (value: string) => ({ type: 'url' as const, value });

describe('authorities of trust domains', () => {
  let one: Issued;
  let two: Issued;
  let web: Issued;
  beforeAll(async () => {
    [one, two, web] = await Promise.all([makeAuthority('one'), makeAuthority('two'), makeAuthority('web')]);
  });

  test('are asked for ids of their own domain alone, and the others for names without an id', async () => {
    const authorities = new Authorities(web.certificatePem, {
      'one.example': one.certificatePem,
      'two.example': two.certificatePem,
    });
    const asked = async (names: Parameters<Issued['issue']>[0]) => {
      const { der } = await one.issue({ usage: 'client', ...names });
      return authorities.of([der]).map(({ subject }) => subject);
    };
    expect(await asked({ names: [url('spiffe://one.example/a')] })).toEqual(['CN=one']);
    expect(await asked({ names: [url('spiffe://two.example/a')] })).toEqual(['CN=two']);
    expect(await asked({ names: [url('spiffe://three.example/a')] })).toEqual([]);
    expect(await asked({ names: [url('spiffe://one.example/a'), url('spiffe://two.example/a')] })).toEqual([]);
    expect(await asked({ names: [{ type: 'dns', value: 'a.example' }] })).toEqual(['CN=web']);
    expect(authorities.of([])).toHaveLength(1);
  });

  test('without any, all authorities are asked for all', async () => {
    const { der } = await one.issue({ usage: 'client', names: [url('spiffe://one.example/a')] });
    expect(new Authorities(web.certificatePem, undefined).of([der])).toHaveLength(1);
  });

  test.each(['spiffe://one.example', 'one.example/a', 'One.example', ''])('%j names none', (domain) => {
    expect(() => new Authorities(undefined, { [domain]: one.certificatePem })).toThrow(
      expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }),
    );
  });
});
