import { expect, test } from '@jest/globals';
import { missingBinding } from './native-support.js';

const GLIBC = ['/lib64/ld-linux-x86-64.so.2'];
const MUSL = ['/lib/ld-musl-x86_64.so.1'];

function missingOn(platform: string, arch: string, files: readonly string[] = GLIBC): string | undefined {
  return missingBinding({ platform, arch, has: (file) => files.includes(file) });
}

test.each([
  ['linux', 'x64'],
  ['darwin', 'arm64'],
  ['darwin', 'x64'],
  ['win32', 'x64'],
])('there is a binding for %s on %s', (platform, arch) => {
  expect(missingOn(platform, arch)).toBeUndefined();
});

test('a machine without binding is told which there are', () => {
  expect(missingOn('linux', 'arm64')).toMatch(/no native QUIC binding for linux-arm64; .* Linux x64 with glibc/);
  expect(missingOn('freebsd', 'x64')).toContain('freebsd-x64');
});

test('musl without glibc is told what to do; with both, glibc is what counts', () => {
  expect(missingOn('linux', 'x64', MUSL)).toMatch(/musl \(Alpine\).*Debian/);
  expect(missingOn('linux', 'x64', [...MUSL, ...GLIBC])).toBeUndefined();
});
