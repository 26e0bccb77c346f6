import { Command } from 'commander';
import type { ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import type { SupportOptions } from '../support/support.js';

const DETAILS = `
ADMIN is the address that a server, relay or tunnel was given with --admin; where it asks for a token, set
KWIK_ADMIN_TOKEN. Version, machine, options, health, sessions and paths, the last minute and all metrics go into the
archive; keys, tokens and passwords are removed. It names addresses, servers and errors: look at it before you pass it
on.

Examples:
  $ kwik support 9464 -o bundle.tgz
  $ kwik support https://server.example:9464 -o folder

Exit status: 0 when it is written, 1 when it cannot be, 2 for wrong usage, 4 when nobody answers.`;

export function supportCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  return new Command('support')
    .description('collect what somebody needs who is to help, without secrets')
    .argument('<admin>', 'port, HOST:PORT or URL of the --admin page')
    .requiredOption('-o, --output <file>', 'a .tgz, or else a folder; it must not be there yet')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', DETAILS)
    .action(async (admin: string, options: SupportOptions) => {
      const { runSupport } = await import('../support/support.js');
      onDone(await runSupport(admin, options, io));
    });
}
