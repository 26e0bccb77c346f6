import { expect, test } from '@jest/globals';
import { missingBinding } from './native-support.js';

const GLIBC = '/lib64/ld-linux-x86-64.so.2';
const MUSL = '/lib/ld-musl-x86_64.so.1';

function missingOn(
  target: string,
  files: readonly string[] = [GLIBC],
  built: readonly string[] = [],
): string | undefined {
  return missingBinding({ target, has: (file) => files.includes(file), installed: (each) => built.includes(each) });
}

test('there is a binding for Linux on x64, and for what somebody built', () => {
  expect(missingOn('linux-x64')).toBeUndefined();
  expect(missingOn('linux-x64', [GLIBC, MUSL])).toBeUndefined();
  expect(missingOn('darwin-arm64', [], ['darwin-arm64'])).toBeUndefined();
});

test('a machine without binding is told which there is', () => {
  expect(missingOn('linux-arm64')).toMatch(/no native QUIC binding for linux-arm64; .* Linux x64 with glibc/);
  expect(missingOn('win32-x64')).toContain('win32-x64');
});

test('musl without glibc is told what to do', () => {
  expect(missingOn('linux-x64', [MUSL])).toMatch(/musl \(Alpine\).*Debian/);
});
