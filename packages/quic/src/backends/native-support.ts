import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { KwikError } from '@kwik/wire';

/** For which the binding is published with the version of `@matrixai/quic` that KWIK uses. */
const PUBLISHED = 'linux-x64';
/** The loaders of the two C libraries, as Linux on x64 has them. */
const GLIBC_LOADER = '/lib64/ld-linux-x86-64.so.2';
const MUSL_LOADER = '/lib/ld-musl-x86_64.so.1';

interface Machine {
  /** As `process.platform` and `process.arch` say it: `linux-x64`. */
  readonly target: string;
  readonly has: (file: string) => boolean;
  /** Whether somebody built and installed a binding for the target. */
  readonly installed: (target: string) => boolean;
}

/** Why there is no native binding for this machine; undefined where there is one. */
export function missingBinding({ target, has, installed }: Machine): string | undefined {
  const where = 'it is published for Linux x64 with glibc';
  if (target !== PUBLISHED) {
    return installed(target) ? undefined : `there is no native QUIC binding for ${target}; ${where}`;
  }
  const isMusl = has(MUSL_LOADER) && !has(GLIBC_LOADER);
  return isMusl ? `there is no native QUIC binding for musl (Alpine); ${where}: take an image of Debian` : undefined;
}

function isInstalled(target: string): boolean {
  const loader = import.meta.resolve('@matrixai/quic/native/quiche.js');
  try {
    return createRequire(loader).resolve(`@matrixai/quic-${target}`) !== '';
  } catch {
    return existsSync(fileURLToPath(new URL(`../../prebuild/quic-${target}.node`, loader)));
  }
}

// The module of the binding throws at its import, with the names of files that it did not find. So this one is imported
// before it, and throws in words that say what is the matter.
const target = `${process.platform}-${process.arch}`;
const missing = missingBinding({ target, has: existsSync, installed: isInstalled });
if (missing !== undefined) throw new KwikError('ERR_KWIK_UNSUPPORTED', missing, { scope: 'local' });
