import { execFile } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { promisify } from 'node:util';

/** On what the figures were taken. */
export interface MachineFacts {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGb: number;
  readonly platform: string;
  readonly node: string;
  /** ISO 8601, when the run began. */
  readonly date: string;
  /** Of the checkout; with '+' when files differ from it. */
  readonly commit: string;
}

export async function machineFacts(root: string): Promise<MachineFacts> {
  const cores = cpus();
  return {
    cores: cores.length,
    cpu: cores[0]?.model ?? 'unknown',
    memoryGb: Math.round(totalmem() / 1e8) / 10,
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
    date: new Date().toISOString(),
    commit: await commit(root),
  };
}

async function commit(root: string): Promise<string> {
  const run = promisify(execFile);
  try {
    const head = await run('git', ['rev-parse', '--short', 'HEAD'], { cwd: root });
    const changes = await run('git', ['status', '--porcelain'], { cwd: root });
    return head.stdout.trim() + (changes.stdout === '' ? '' : '+');
  } catch {
    return 'unknown';
  }
}
