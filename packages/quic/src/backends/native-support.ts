import { existsSync } from 'node:fs';
import { KwikError } from '@kwik/wire';

/** For which the binding of `@matrixai/quic` is prebuilt. */
const PREBUILT: ReadonlySet<string> = new Set(['linux-x64', 'darwin-x64', 'darwin-arm64', 'win32-x64']);
/** The loaders of the two C libraries, as Linux on x64 has them. */
const GLIBC_LOADER = '/lib64/ld-linux-x86-64.so.2';
const MUSL_LOADER = '/lib/ld-musl-x86_64.so.1';

interface Machine {
  readonly platform: string;
  readonly arch: string;
  readonly has: (file: string) => boolean;
}

/** Why there is no native binding for this machine; undefined where there is one. */
export function missingBinding({ platform, arch, has }: Machine): string | undefined {
  const target = `${platform}-${arch}`;
  const prebuilt = 'Linux x64 with glibc, macOS, and Windows x64';
  if (!PREBUILT.has(target)) return `there is no native QUIC binding for ${target}; it is prebuilt for ${prebuilt}`;
  if (platform === 'linux' && has(MUSL_LOADER) && !has(GLIBC_LOADER)) {
    return `there is no native QUIC binding for musl (Alpine); it is prebuilt for ${prebuilt}. Take an image of Debian or Ubuntu`;
  }
  return undefined;
}

// The module of the binding throws at its import, with the names of files that it did not find. So this one is imported
// before it, and throws in words that say what is the matter.
const missing = missingBinding({ platform: process.platform, arch: process.arch, has: existsSync });
if (missing !== undefined) throw new KwikError('ERR_KWIK_UNSUPPORTED', missing, { scope: 'local' });
