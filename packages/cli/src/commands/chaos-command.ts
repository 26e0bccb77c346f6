import { Command, Option } from 'commander';
import { FAULTS } from '../chaos/faults.js';
import type { ChaosOptions } from '../chaos/plan.js';
import type { ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { parseList, parseRates, parseSize, parseWhole } from './parsers.js';

const DETAILS = `
Everything happens on this machine: servers in processes of their own, each with a copy of a file made on the spot and
behind an emulated link, and a client that fetches the file again and again. Meanwhile faults strike, by the seed:

  kill      the process ends at once; another takes its place        loss, slow, delay   of its link
  stop      the process stands still (SIGSTOP)                       lie                 wrong bytes in its copy
  cut       no packet comes through; one-way: in one direction       truncate            its copy is cut short
  clock     its wall clock is wrong by up to two hours               disk-full           its logs grow no more (Linux)
  memory    its heap is small, and nearly full

Every file must arrive byte for byte. A transfer may fail only when the primary (the first server) was struck, which
takes --primary: a session lives in its primary's process.

Examples:
  $ kwik chaos
  $ kwik chaos --seconds 600 --seed 7 --primary
  $ kwik chaos --faults kill,lie --json

Exit status: 0 if every promise was kept, 1 if one was broken, 2 for wrong usage, 130 after Ctrl-C.`;

export function chaosCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  return new Command('chaos')
    .description('fetch a file again and again while its servers are killed, cut off and made to lie')
    .option('--seconds <number>', 'how long faults strike; the last transfer is let finish', parseWhole, 30)
    .option('--seed <number>', 'decides what strikes whom, and when', parseWhole, 1)
    .addOption(new Option('--bytes <size>', 'size of the file').argParser(parseSize).default(10_000_000, '10MB'))
    .addOption(
      new Option('--rates <mbps,...>', "rates of the servers' links, Mbit/s; the first is the primary's")
        .argParser(parseRates)
        .default([20, 20, 10], '20,20,10'),
    )
    .addOption(
      new Option('--faults <name,...>', `of ${FAULTS.join(', ')}`).argParser(parseList).default([], 'all of them'),
    )
    .option('--primary', 'the primary is struck, too', false)
    .option('--json', 'print the result as one JSON object, and no progress', false)
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', DETAILS)
    .action(async (options: ChaosOptions) => {
      const { runChaos } = await import('../chaos/chaos.js');
      onDone(await runChaos(options, io));
    });
}
