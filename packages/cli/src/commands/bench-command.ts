import { Command } from 'commander';
import type { BenchOptions } from '../bench/bench.js';
import type { ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { collect, parseServerText, parseSecondsUpTo, parseSize } from './parsers.js';
import { withTrust } from './trust-options.js';

const DETAILS = `
A file of the server is read for a while, over all paths of one session together, and then from each of its servers
alone. Nothing is kept. Said are the rate, what each path brought of it, its round trip while nothing was under way
and under load, which path brings nothing and why, and whether several servers are faster than one.

It takes what the paths can carry, so it disturbs others: --seconds and --max-bytes bound each of the readings.

Examples:
  $ kwik bench kwik://server.example/big.iso --ca ca.pem
  $ kwik bench 127.0.0.1:4433 --seconds 2           the largest file of the server
  $ kwik bench 127.0.0.1:4433 --no-alone --json

Exit status: 0 when it was measured, 1 when the reading broke off, 2 for wrong usage, 3 when there is no such file, 4
when the server is not reached.`;

export function benchCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  const command = new Command('bench')
    .description('measure what the paths to a running server carry, together and alone')
    .argument('<target>', 'kwik://HOST:PORT/FILE, or HOST:PORT')
    .option(
      '-s, --server <host:port>',
      'a further server with the file (may be repeated)',
      collect(parseServerText),
      [],
    )
    .option('--seconds <number>', 'how long each reading lasts (60 at the most)', parseSecondsUpTo(60), 5)
    .option('--max-bytes <size>', 'how much each reading takes at the most', parseSize, 1e9)
    .option('--no-alone', 'only all paths together')
    .option('-t, --timeout <seconds>', 'for a session, and without a byte (60 at the most)', parseSecondsUpTo(60), 10);
  return withTrust(command)
    .option('--json', 'print what was measured as one JSON object', false)
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', DETAILS)
    .action(async (target: string, options: BenchOptions) => {
      const { runBench } = await import('../bench/bench.js');
      onDone(await runBench(target, options, io));
    });
}
