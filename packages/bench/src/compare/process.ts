import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const TAIL_LINES = 30;

/** Runs a program to its end, with its output on stderr when `live`. Throws with the end of its output. */
export async function runProgram(
  command: string,
  args: readonly string[],
  { cwd, live = false }: { readonly cwd: string; readonly live?: boolean },
): Promise<string> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const endChild = (): void => void child.kill();
  process.once('exit', endChild);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (live) process.stderr.write(text);
    });
  }
  const status = await new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(signal ?? code));
  });
  process.off('exit', endChild);
  if (status === 0) return output;
  const tail = output.trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
  throw new Error(`${command} ${args.join(' ')} ended with ${status}\n${tail}`);
}

/** The pnpm that runs this bench, or else the version that the workspace names. */
export async function pnpm(root: string): Promise<readonly [string, ...string[]]> {
  const running = process.env['npm_execpath'] ?? '';
  if (/pnpm[^/\\]*\.[cm]?js$/.test(running)) return [process.execPath, running];
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { packageManager: string };
  return ['npx', '-y', manifest.packageManager];
}
