import { Command, Option } from 'commander';
import type { DemoOptions } from '../demo/plan.js';
import type { ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { parseRates, parseSize, parseWhole } from './parsers.js';

const DETAILS = `
Everything happens on this machine: three servers (a process each) with a copy of a file made on the spot, each behind
an emulated link, and a client. First the file's beginning comes from the fastest server alone, for comparison; then
the whole file from all of them at once. Half-way the second server is killed; the file arrives all the same.

Examples:
  $ kwik demo
  $ kwik demo --rates 20,20,20 --bytes 60MB
  $ kwik demo --no-kill --json

Exit status: 0 if the file arrived unchanged, 1 if anything differs, 2 for wrong usage, 130 after Ctrl-C.`;

export function demoCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  return new Command('demo')
    .description('watch a file arrive from three servers at once while one is killed')
    .addOption(new Option('--bytes <size>', 'size of the file').argParser(parseSize).default(30_000_000, '30MB'))
    .addOption(
      new Option('--rates <mbps,...>', "rates of the servers' links, Mbit/s; the first is the primary's")
        .argParser(parseRates)
        .default([20, 10, 5], '20,10,5'),
    )
    .option('--seed <number>', 'the content of the file and the chances of the links follow from it', parseWhole, 1)
    .option('--no-kill', 'let all servers live')
    .option('--json', 'print the result as one JSON object, and no progress', false)
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', DETAILS)
    .action(async (options: DemoOptions) => {
      const { runDemo } = await import('../demo/demo.js');
      onDone(await runDemo(options, io));
    });
}
