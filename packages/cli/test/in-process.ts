import { dial, listen } from '@kwik/session';
import type { Output } from '../src/io.js';
import { main } from '../src/main.js';
import type { Ended } from './harness.js';

/**
 * The command line in this very process, for what ends before anything begins: a process of its own takes a second to start.
 * Nothing comes on its standard input, and nobody interrupts it.
 */
export async function runHere(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const text = { stdout: '', stderr: '' };
  const output = (name: 'stdout' | 'stderr'): Output => ({
    isTty: false,
    columns: () => 80,
    print: (line) => {
      text[name] += line;
    },
    write: (data) => {
      text[name] += Buffer.from(data).toString();
      return Promise.resolve();
    },
  });
  const status = await main(args, {
    stdout: output('stdout'),
    stderr: output('stderr'),
    env,
    network: { dial, listen },
    self: [],
    now: () => performance.now(),
    onInterrupt: () => () => undefined,
    onHangup: () => () => undefined,
    every: () => () => undefined,
    stdin: async function* () {},
    stdinEnded: () => new Promise(() => undefined),
  });
  return { status, ...text };
}
