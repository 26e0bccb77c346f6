import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pnpm, runProgram } from './process.js';

const BENCH = join('packages', 'bench');
/** Of the bench, what is made anew in the other checkout. */
const NOT_COPIED: ReadonlySet<string> = new Set(['node_modules', 'dist']);

/** A checkout of another commit with the bench of this one, where it compiles there, so that the same code measures both. */
export interface BaseCheckout extends AsyncDisposable {
  readonly folder: string;
}

/**
 * Makes a git worktree of `ref` in a temporary folder, puts the bench of `root` over its own, installs without network,
 * and builds. The worktree goes with `Symbol.asyncDispose`, upon failure, and when the process ends before.
 */
export async function checkOutBase(root: string, ref: string, log: (line: string) => void): Promise<BaseCheckout> {
  const parent = await mkdtemp(join(tmpdir(), 'kwik-base-'));
  const folder = join(parent, 'base');
  const removeNow = (): void => {
    try {
      execFileSync('git', ['worktree', 'remove', '--force', folder], { cwd: root, stdio: 'ignore' });
    } catch {
      // It was not there yet.
    }
    rmSync(parent, { recursive: true, force: true });
  };
  process.once('exit', removeNow);
  const dispose = async (): Promise<void> => {
    process.off('exit', removeNow);
    removeNow();
  };
  try {
    const commit = (await runProgram('git', ['rev-parse', '--verify', `${ref}^{commit}`], { cwd: root })).trim();
    log(`base ${ref}: commit ${commit.slice(0, 9)}`);
    await runProgram('git', ['worktree', 'add', '--detach', folder, commit], { cwd: root });
    await replaceBench(root, folder);
    log('base: installing');
    await install(folder);
    log('base: building');
    await build(folder, log);
    return { folder, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`the base ${ref} cannot be measured with the bench of this checkout: ${why}`, { cause: error });
  }
}

async function replaceBench(root: string, folder: string): Promise<void> {
  await rm(join(folder, BENCH), { recursive: true, force: true });
  await cp(join(root, BENCH), join(folder, BENCH), {
    recursive: true,
    filter: (source) => !NOT_COPIED.has(basename(source)),
  });
}

/**
 * The interface of the base may differ from what the bench of this checkout uses; a program that compiled all the same
 * would measure something else than it says. Then the base has its own bench back, whose rows have the same names.
 */
async function build(folder: string, log: (line: string) => void): Promise<void> {
  const compile = [process.execPath, ['node_modules/typescript/bin/tsc', '-b', BENCH], { cwd: folder }] as const;
  try {
    await runProgram(...compile);
  } catch {
    log('base: it has another interface than this checkout, so it is measured by its own bench');
    await rm(join(folder, BENCH), { recursive: true, force: true });
    await runProgram('git', ['checkout', 'HEAD', '--', BENCH], { cwd: folder });
    await install(folder);
    await runProgram(...compile);
  }
  const whole = join('tools', 'build.mjs');
  if (existsSync(join(folder, whole))) await runProgram(process.execPath, [whole], { cwd: folder });
}

/** The bench may need what the base's lockfile does not name; everything lies in the store already, or in its cache. */
async function install(folder: string): Promise<void> {
  const [command, ...args] = await pnpm(folder);
  await runProgram(command, [...args, 'install', '--offline', '--no-frozen-lockfile'], { cwd: folder });
}
