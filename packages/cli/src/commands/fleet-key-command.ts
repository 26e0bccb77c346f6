import { Command } from 'commander';
import type { ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { parseSourceText } from './discovery-options.js';
import { collect, parseAddress, parseSeconds } from './parsers.js';

const DETAILS = `
32 random bytes, written as 64 hexadecimal digits into a file that only its owner can read. A file that exists is left
alone. Whoever has the key can become the primary of every session of the fleet.

To change it without losing a session: give every server the new file behind the old one, then in front of it, and, when
the sessions sealed before are renewed (a minute), without the old one:
  $ kwik fleet key new.key
  $ kwik serve ./files --fleet-key old.key --fleet-key new.key      at every server
  $ kwik serve ./files --fleet-key new.key --fleet-key old.key      at every server
  $ kwik serve ./files --fleet-key new.key                          at every server

Exit status: 0 if the key is there, 1 if the file exists or cannot be written, 2 for wrong usage.`;

/** `kwik fleet key`. */
export function fleetKeyCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  return new Command('key')
    .description('make a key by which the servers of a fleet take over sessions of each other')
    .argument('<file>', 'that the key is written to')
    .option('--json', 'print a JSON object', false)
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', DETAILS)
    .action(async (file: string, options: { readonly json: boolean }) => {
      const { runMakeKey } = await import('../fleet/make-key.js');
      onDone(await runMakeKey(file, options, io));
    });
}

/** By which sessions go on at another server when this one is gone. */
export function addTakeoverOptions(command: Command): Command {
  return command
    .option(
      '--fleet-key <file>',
      'key that the servers of the fleet share, by `kwik fleet key`: sessions of the others are taken over (may be repeated: the first seals, all open)',
      collect(String),
      [],
    )
    .option(
      '--standby <host:port>',
      'where sessions of this server go on when it is gone (may be repeated: the first that answers)',
      collect(parseAddress),
      [],
    )
    .option(
      '--standby-from <source>',
      'where such a server is found, of the same --service and with the key of the fleet (may be repeated)',
      collect(parseSourceText),
      [],
    )
    .option(
      '--drain <seconds>',
      'how long sessions have to end, or to go to the standby, at Ctrl-C, SIGTERM and, with --workers, SIGHUP (default: 5 with --standby or --standby-from, else 0; at SIGHUP 600)',
      parseSeconds,
    );
}
