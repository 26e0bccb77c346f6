import { expect, test } from '@jest/globals';
import { ERROR_TABLE, errorClassOf, KwikError, type ErrorCode } from '@kwik/wire';
import { isMisconduct, isRecoverable } from './deaths.js';

const codes = Object.keys(ERROR_TABLE) as ErrorCode[];

test('what is done about a death is what follows from the class of its error', () => {
  const classes = (chosen: readonly ErrorCode[]): Set<string> => new Set(chosen.map((code) => errorClassOf(code)));
  // Those that break rules are asked no more.
  expect(classes(codes.filter((code) => isMisconduct(code)))).toEqual(new Set(['peer', 'trust']));
  // An impostor is of the class trust: it answers in the place of a server that may come back.
  const again = codes.filter((code) => isRecoverable(new KwikError(code)));
  expect(classes(again)).toEqual(new Set(['transient', 'exhausted', 'trust']));
  expect(again.filter((code) => isMisconduct(code))).toEqual([]);
});
