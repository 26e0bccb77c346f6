import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** From `src/netns` and from `dist/netns` alike. */
const SOURCES = new URL('../../native/', import.meta.url);
const COMPILERS = ['cc', 'gcc', 'clang'] as const;

/** The helper programs in C, compiled into a folder of their own. */
export interface NativeTools {
  /** Path of the link emulator. */
  readonly links: string;
  /** Path of the MPTCP and TCP reference. */
  readonly mptcp: string;
  readonly dispose: () => Promise<void>;
}

/** A helper program, compiled into a folder of its own. */
export interface CompiledTools<Name extends string> {
  /** Path of each. */
  readonly programs: Readonly<Record<Name, string>>;
  readonly dispose: () => Promise<void>;
}

/**
 * Compiles the helpers: under a second.
 * @throws Error with the compiler's messages, or that there is none.
 */
export async function compileNativeTools(): Promise<NativeTools> {
  const { programs, dispose } = await compileTools('links', 'mptcp');
  return { ...programs, dispose };
}

/** As `compileNativeTools`, of the helpers that are named: `native/NAME.c`. */
export async function compileTools<Name extends string>(...names: readonly Name[]): Promise<CompiledTools<Name>> {
  const compiler = await findCompiler();
  if (compiler === undefined) throw new Error(`no C compiler: none of ${COMPILERS.join(', ')} runs`);
  const folder = await mkdtemp(join(tmpdir(), 'kwik-bench-'));
  const compile = async (name: Name): Promise<[Name, string]> => {
    const program = join(folder, name);
    await run(compiler, ['-O2', '-o', program, fileURLToPath(new URL(`${name}.c`, SOURCES)), '-lm']);
    return [name, program];
  };
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const dispose = async (): Promise<void> => {
    process.off('exit', remove);
    remove();
  };
  process.once('exit', remove);
  try {
    const programs = Object.fromEntries(await Promise.all(names.map(compile))) as Record<Name, string>;
    return { programs, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The first compiler that runs here, or undefined. */
export async function findCompiler(): Promise<string | undefined> {
  for (const compiler of COMPILERS) {
    if (await succeeds(compiler, ['--version'])) return compiler;
  }
  return undefined;
}

/** Whether a program is there and ends well. */
export async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  try {
    await run(program, args, { timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}
