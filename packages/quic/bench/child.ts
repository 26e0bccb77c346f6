import { classes } from './contenders/classes.js';
import type { Contender, FetchResult, Settings } from './contenders/contender.js';
import { driver } from './contenders/driver.js';
import { minimal } from './contenders/minimal.js';
import type { Issued } from '../src/test-support/certificates.js';

/** What the bench asks of a child process, and what it answers. */
export interface ChildTask {
  readonly contender: 'driver' | 'minimal' | 'classes';
  readonly settings: Settings;
  readonly serve?: { readonly issued: Issued };
  readonly fetch?: { readonly port: number; readonly caPem: string };
}

export type ChildReport =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'fetched'; readonly result: FetchResult; readonly cpuSeconds: number }
  | { readonly kind: 'cpu'; readonly cpuSeconds: number };

const CONTENDERS: Readonly<Record<ChildTask['contender'], Contender>> = { driver, minimal, classes };

process.on('message', (message: ChildTask | 'stop') => {
  if (message === 'stop') {
    report({ kind: 'cpu', cpuSeconds: cpuSeconds() });
    setImmediate(() => process.exit(0));
    return;
  }
  void run(message);
});

async function run(task: ChildTask): Promise<void> {
  const contender = CONTENDERS[task.contender];
  if (task.serve !== undefined) {
    report({ kind: 'listening', port: await contender.serve(task.serve.issued, task.settings) });
  } else if (task.fetch !== undefined) {
    const before = cpuSeconds();
    const result = await contender.fetch(task.fetch.port, task.fetch.caPem, task.settings);
    report({ kind: 'fetched', result, cpuSeconds: cpuSeconds() - before });
  }
  started = cpuSeconds();
}

/** Start-up and compilation are not counted. */
let started = 0;

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6 - started;
}

function report(message: ChildReport): void {
  process.send?.(message);
}
