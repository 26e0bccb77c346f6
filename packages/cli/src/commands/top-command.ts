import { Command } from 'commander';
import type { ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import type { TopOptions } from '../top/top.js';

const TOP_DETAILS = `
ADMIN is the address that a server was given with --admin: a port of this machine, HOST:PORT, or a URL. Where the server
asks for a token, set KWIK_ADMIN_TOKEN to it. The same, with charts, is at that address in a browser.

Examples:
  $ kwik serve ./files --admin 9464
  $ kwik top 9464

Exit status: 0 after Ctrl-C, 2 for wrong usage, 4 when nobody answers.`;

export function topCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  return new Command('top')
    .description('watch the sessions of a server, and why each path is used or not')
    .argument('<admin>', 'port, HOST:PORT or URL of the --admin page')
    .option('--session <id>', 'whose paths are shown; default: those of the first')
    .option('--once', 'print it once', false)
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', TOP_DETAILS)
    .action(async (admin: string, options: TopOptions) => {
      const { runTop } = await import('../top/top.js');
      onDone(await runTop(admin, options, io));
    });
}

export function healthCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  return new Command('health')
    .description('ask a server whether it is well, for probes')
    .argument('<admin>', 'port, HOST:PORT or URL of the --admin page')
    .helpOption('-h, --help', 'show this help')
    .addHelpText(
      'after',
      '\nExit status: 0 when it is, 1 when something is wrong, 2 for wrong usage, 4 when nobody answers.',
    )
    .action(async (admin: string) => {
      const { runHealth } = await import('../top/top.js');
      onDone(await runHealth(admin, io));
    });
}
