import { Command } from 'commander';
import type { ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import type { RelayCommandOptions } from '../relay/relay.js';
import { collect, parseAddress, parseListenAddress, parseSize } from './parsers.js';
import { withWatching } from './watch-options.js';

const DETAILS = `
A relay forwards datagrams between clients and the servers that they belong to (anchors). The connections are theirs,
end to end: the relay holds no key to them, and can neither read nor change what it forwards.

A primary whose certificate is of an authority in --ca names the relay to its clients, and says in a signed token
where it may forward to. --anchor restricts that further; loopback, link-local and private addresses are forwarded to
only when they are named. With --for-clients anybody may have datagrams forwarded to the anchors, also clients that
cannot reach them directly.

Ctrl-C or SIGTERM: clients are told to find another way, for ten seconds at the most; a second one stops at once.

Examples:
  $ kwik relay --listen 0.0.0.0:4440 --cert relay.pem --key relay-key.pem --ca ca.pem
  $ kwik relay --listen 127.0.0.1:4440 --anchor 127.0.0.1:4433

Exit status: 0 after Ctrl-C or SIGTERM, 2 for wrong usage or an address where it cannot listen, 4 for credentials that
cannot be used.`;

export function relayCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  const command = new Command('relay')
    .description('forward datagrams between clients and their servers, unread')
    .option(
      '-l, --listen <[host:]port>',
      'where to listen; a port alone: 127.0.0.1; port 0 lets the system choose',
      parseListenAddress,
      '127.0.0.1:4440',
    )
    .option('-a, --anchor <host[:port]>', 'forward to this alone (may be repeated)', collect(String), [])
    .option('--for-clients', 'forward to the anchors for clients that no primary sends, too', false)
    .option('--max-bytes <size>', 'the most that is forwarded for one path of a client', parseSize)
    .option('--max-rate <size>', 'the same, each second', parseSize)
    .option('--cert <file>', 'certificate, PEM: the own one first, then its intermediates')
    .option('--key <file>', 'private key of the certificate, PEM')
    .option('--ca <file>', 'authorities, PEM, of the primaries whose tokens are believed')
    .option(
      '--audience <host:port>',
      'a further address under which primaries name this relay (may be repeated)',
      collect(parseAddress),
      [],
    );
  return withWatching(command)
    .option('--json', 'print events as JSON, one object per line', false)
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', DETAILS)
    .action(async (options: RelayCommandOptions) => {
      const { runRelay } = await import('../relay/relay.js');
      onDone(await runRelay(options, io));
    });
}
