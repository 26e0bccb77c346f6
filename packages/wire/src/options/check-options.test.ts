import { describe, expect, test } from '@jest/globals';
import { KwikError } from '../errors/kwik-error.js';
import { checkArgument, checkOptions } from './check-options.js';
import { amount, bytes, call, either, group, list, oneOf, positive, secret, text } from './option-rule.js';

interface Options {
  readonly path: string;
  readonly limits?: { readonly maxFiles?: number; readonly share: number };
  readonly names?: readonly string[];
  readonly onFault?: () => void;
}

const ROOT = group<Options>(
  {
    path: text,
    limits: group<NonNullable<Options['limits']>>({ maxFiles: positive, share: amount }, ['share']),
    names: list(text),
    onFault: call,
  },
  ['path'],
);

function refusal(work: () => void): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(KwikError);
    expect((error as KwikError).code).toBe('ERR_KWIK_INVALID_ARGUMENT');
    return (error as KwikError).message;
  }
  return 'accepted';
}

const options = (given: unknown): string => refusal(() => checkOptions(given, { call: 'open', root: ROOT }));

describe('options of a call', () => {
  test.each([
    ['the least there can be', { path: 'x' }],
    ['all there is', { path: '', limits: { maxFiles: 1, share: 0 }, names: [], onFault: () => undefined }],
    ['what is undefined counts as left out', { path: 'x', limits: undefined }],
  ])('%s is taken', (_what, given) => {
    expect(options(given)).toBe('accepted');
  });

  test.each([
    [
      'nothing at all',
      undefined,
      'the options of open cannot be of type undefined: it takes an object of path, limits',
    ],
    ['null', null, 'the options of open cannot be null'],
    ['a list', ['x'], 'the options of open cannot be a list'],
    ['a wrong value', { path: 5 }, 'the option path of open cannot be 5: it takes a string'],
    ['a wrong member of a group', { path: 'x', limits: { maxFiles: 0, share: 1 } }, 'option limits.maxFiles of open'],
    ['a wrong member of a list', { path: 'x', names: ['a', 7] }, 'the option names[1] of open cannot be 7'],
    ['a misspelt member', { path: 'x', onFalut: () => undefined }, 'open has no option onFalut; did you mean onFault?'],
    ['a name that every object inherits', { path: 'x', constructor: 1 }, 'open has no option constructor'],
    ['a missing member', {}, 'open takes the option path, which is missing: a string'],
    ['one that is undefined', { path: undefined }, 'open takes the option path, which is missing'],
    ['a missing member of a group', { path: 'x', limits: {} }, 'open takes the option limits.share, which is missing'],
  ])('%s is refused by name', (_what, given, message) => {
    expect(options(given)).toContain(message);
  });

  test('nothing of an object, and no long text, is shown: it may be a secret', () => {
    const secret = 'a-token-that-nobody-should-ever-read-in-a-log';
    for (const given of [{ token: secret }, secret, [secret]]) {
      expect(options({ path: 'x', limits: given })).not.toContain(secret);
    }
  });

  test('nothing of a text in the place of bytes is shown, however short: it may be a key', () => {
    const root = group<{ readonly key: Uint8Array; readonly keys: readonly Uint8Array[]; readonly or: unknown }>({
      key: bytes,
      keys: list(bytes),
      or: either(call, bytes),
    });
    for (const given of [{ key: 'hunter2' }, { keys: ['hunter2'] }, { keys: 'hunter2' }, { or: 'hunter2' }]) {
      const message = refusal(() => checkOptions(given, { call: 'open', root }));
      expect(message).toContain('cannot be that string');
      expect(message).not.toContain('hunter2');
    }
    expect(refusal(() => checkArgument('open', 'key', 'hunter2', bytes))).toContain('cannot be that string');
  });

  test('nothing is shown of a token that is a number, or that stands alone where a list of tokens belongs', () => {
    const root = group<{ readonly token: string; readonly tokens: readonly string[] }>({
      token: secret,
      tokens: list(secret),
    });
    for (const given of [{ token: 271828 }, { tokens: '271828' }, { tokens: 271828 }, { tokens: ['a', 271828] }]) {
      const message = refusal(() => checkOptions(given, { call: 'open', root }));
      expect(message).toMatch(/^the option tokens?(?:\[1\])? of open cannot be that (?:string|number): it takes a/u);
      expect(message).not.toContain('271828');
    }
  });
});

test('an argument alone is refused by its name', () => {
  expect(refusal(() => checkArgument('watch', 'kind', 'b', oneOf('a')))).toBe(
    "the argument kind of watch cannot be 'b': it takes 'a'",
  );
  expect(refusal(() => checkArgument('watch', 'kind', undefined, text))).toContain('cannot be of type undefined');
  expect(refusal(() => checkArgument('watch', 'kind', 'a', oneOf('a')))).toBe('accepted');
});
