import { Command } from 'commander';
import type { ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { runTunnel, type TunnelOptions } from '../tunnel/tunnel.js';
import { collect, parseAddress, parseListenAddress } from './parsers.js';

const DETAILS = `
Connections made here go on at the server: to where its --forward-allow says, and nowhere else. All of them share one
session, which is connected again whenever it is lost. Ports are opened on 127.0.0.1 unless BIND says otherwise; port 0
lets the system choose, and standard output says which.

Examples:
  $ kwik serve --listen 0.0.0.0:4433 --cert server.pem --key server-key.pem --forward-allow db.internal:5432
  $ kwik tunnel server.example --ca ca.pem -L 5432:db.internal:5432
  $ kwik tunnel 127.0.0.1:4433 --socks5 1080
  $ ssh -o ProxyCommand='kwik tunnel 127.0.0.1:4433 --stdio %h:%p' user@host

Exit status: 0 after Ctrl-C or SIGTERM, or with --stdio when the connection has ended, 2 for wrong usage, 3 when the
server does not forward to --stdio's target, 4 when it cannot be reached, 1 for other failures.`;

export function tunnelCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  return new Command('tunnel')
    .description('carry TCP connections to what a server can reach')
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
    .option('--socks5 <[host:]port>', 'a SOCKS 5 proxy here', parseListenAddress)
    .option('--http-connect <[host:]port>', 'a proxy here for CONNECT of HTTP', parseListenAddress)
    .option('--stdio <host:port>', 'standard input and output lead to host:port at the server', parseAddress)
    .option('--ca <file>', "authorities, PEM, that may have signed the server's certificate")
    .option(
      '--pin <sha256>',
      'accept the server with this key (SHA-256 of its SPKI, hex or base64; may be repeated)',
      collect(String),
      [],
    )
    .option('-q, --quiet', 'print errors only', false)
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', DETAILS)
    .action(async (server: string, options: TunnelOptions) => onDone(await runTunnel(server, options, io)));
}
