import { Command } from 'commander';
import type { ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import type { TunnelOptions } from '../tunnel/tunnel.js';
import { collect, parseAddress, parseListenAddress } from './parsers.js';
import { withTrust } from './trust-options.js';
import { withWatching } from './watch-options.js';

const DETAILS = `
Connections made here go on at the server: to where its --forward-allow says (--forward-allow-udp for UDP), and nowhere
else. All of them share one session, which is connected again whenever it is lost. Ports are opened on 127.0.0.1 unless
BIND says otherwise; port 0 lets the system choose, and standard output says which.

Examples:
  $ kwik serve --listen 0.0.0.0:4433 --cert server.pem --key server-key.pem --forward-allow db.internal:5432
  $ kwik tunnel server.example --ca ca.pem -L 5432:db.internal:5432
  $ kwik tunnel 127.0.0.1:4433 --socks5 1080
  $ kwik tunnel 127.0.0.1:4433 -U 5353:10.0.0.53:53
  $ kwik tunnel server.example --ca ca.pem --relay one.example:4440 --relay two.example:4440 -L 8080:127.0.0.1:80
  $ ssh -o ProxyCommand='kwik tunnel 127.0.0.1:4433 --stdio %h:%p' user@host

Exit status: 0 after Ctrl-C or SIGTERM, or with --stdio when the connection has ended, 2 for wrong usage, 3 when the
server does not forward to --stdio's target, 4 when it cannot be reached, 1 for other failures.`;

export function tunnelCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  const command = new Command('tunnel')
    .description('carry TCP connections and UDP to what a server can reach')
    .argument('<host:port>', 'server, as started with `kwik serve --forward-allow`')
    .option(
      '-L, --local <[bind:]port:host:hostport>',
      'a port here leads to host:hostport at the server (may be repeated)',
      collect(String),
      [],
    )
    .option(
      '-R, --remote <[bind:]port:host:hostport>',
      'a port of the server leads to host:hostport here (may be repeated)',
      collect(String),
      [],
    )
    .option(
      '-U, --udp <[bind:]port:host:hostport>',
      'a UDP port here leads to host:hostport at the server; datagrams are lost as on any network (may be repeated)',
      collect(String),
      [],
    )
    .option('--socks5 <[host:]port>', 'a SOCKS 5 proxy here', parseListenAddress)
    .option('--http-connect <[host:]port>', 'a proxy here for CONNECT of HTTP', parseListenAddress)
    .option('--stdio <host:port>', 'standard input and output lead to host:port at the server', parseAddress);
  withTrust(command).option(
    '--relay <host:port>',
    'a relay for clients to go through as well: two carry, a third stands by (may be repeated)',
    collect(parseAddress),
    [],
  );
  return withWatching(command)
    .option('-q, --quiet', 'print errors only', false)
    .option('--json', 'print events as JSON, one object per line', false)
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', DETAILS)
    .action(async (server: string, options: TunnelOptions) => {
      const { runTunnel } = await import('../tunnel/tunnel.js');
      onDone(await runTunnel(server, options, io));
    });
}
