import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { findProgram } from '@kwik/testbed/programs';

/** A benchmark of others at work, which ends at the first error of any of its connections. */
export interface Benchmark {
  /** Resolves when it has begun to measure. */
  readonly working: Promise<void>;
  /** Resolves with how many requests were answered. Rejects with what it said when one was not. */
  finish(): Promise<number>;
}

class Output {
  #text = '';

  constructor(child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#text += text));
    }
  }

  get text(): string {
    return this.#text;
  }
}

/** Resolves when the program has said this; rejects when it ends before. */
async function said(child: ChildProcess, output: Output, what: RegExp): Promise<void> {
  while (!what.test(output.text)) {
    if (child.exitCode !== null) throw new Error(`the benchmark ended with ${child.exitCode}: ${output.text}`);
    await Promise.race([once(child.stdout!, 'data'), once(child.stderr!, 'data'), once(child, 'close')]);
  }
}

/** The tables of pgbench's own load; not by way of anything. */
export function preparePgbench(port: number): void {
  const args = ['-h', '127.0.0.1', '-p', `${port}`, '-U', 'kwik', '-i', '-q', 'postgres'];
  execFileSync(findProgram('pgbench')!, args, { stdio: 'pipe' });
}

/** Transactions like those of TPC-B over several connections for so many seconds. */
export function pgbench(port: string, seconds: number): Benchmark {
  const load = ['-c', '4', '-T', `${seconds}`, '-P', '1', '-n'];
  const child = spawn(findProgram('pgbench')!, ['-h', '127.0.0.1', '-p', port, '-U', 'kwik', ...load, 'postgres'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = new Output(child);
  return {
    working: said(child, output, /progress: /u),
    finish: async () => {
      if (child.exitCode === null) await once(child, 'close');
      const [, failed] = /number of failed transactions: (\d+)/u.exec(output.text) ?? [];
      const [, done = '0'] = /number of transactions actually processed: (\d+)/u.exec(output.text) ?? [];
      if (child.exitCode !== 0 || failed !== '0')
        throw new Error(`pgbench ended with ${child.exitCode}: ${output.text}`);
      return Number(done);
    },
  };
}

/** Of one round of one command. */
const REQUESTS = 1000;

/** Rounds of SET and GET over several connections, until it is stopped. */
export function redisBenchmark(port: string): Benchmark {
  const load = ['-t', 'set,get', '-c', '8', '-n', `${REQUESTS}`, '-l', '-q'];
  const child = spawn(findProgram('redis-benchmark')!, ['-h', '127.0.0.1', '-p', port, ...load], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = new Output(child);
  return {
    working: said(child, output, /requests per second/u),
    finish: async () => {
      if (child.exitCode === null) {
        child.kill('SIGTERM');
        await once(child, 'close');
      }
      const done = output.text.match(/requests per second/gu)?.length ?? 0;
      if (child.signalCode !== 'SIGTERM' || /error|closed/iu.test(output.text)) {
        throw new Error(`redis-benchmark ended with ${child.exitCode ?? child.signalCode}: ${output.text}`);
      }
      return done * REQUESTS;
    },
  };
}
