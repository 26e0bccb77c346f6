import { Command, Option } from 'commander';
import type { ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { runServe, type ServeOptions } from '../serve/serve.js';
import { collect, parseAddress, parseBindAddress, parseListenAddress } from './parsers.js';

const DETAILS = `
The first line on standard output says where the server listens, also when the port was 0.

As a primary (the server that clients ask) it adds its --peer servers to every session; clients are answered meanwhile,
and a peer that cannot be reached costs nothing but speed. As a peer of another server it contributes its own copy of
the files: same path below DIR, same size. Wrong bytes in a copy are noticed by the client, and the copy is not used.

Only regular files inside DIR are served; links that lead out of it are refused.

With --forward-allow, clients of \`kwik tunnel\` reach the TCP servers that are named, as they are named, and no others.

On 127.0.0.1 and ::1 no certificate is needed: servers and clients of the same user trust a development authority that
is made on first use. Elsewhere give --cert and --key, and --ca to believe other servers' primaries.

--admin shows a live page at /, metrics for Prometheus at /metrics, health for probes at /health, and the last minute at
/flight. Beyond this machine it takes --cert and --key, and a token in the variable KWIK_ADMIN_TOKEN.

Examples:
  $ kwik serve ./files
  $ kwik serve ./files --listen 127.0.0.1:4433 --peer 127.0.0.1:4434 --peer 127.0.0.1:4435
  $ kwik serve --forward-allow 127.0.0.1:5432
  $ kwik serve ./files --listen 0.0.0.0:4433 --cert server.pem --key server-key.pem --ca ca.pem

Exit status: 0 after Ctrl-C or SIGTERM, 1 if DIR cannot be served, 2 for wrong usage or an address where it cannot
listen, 4 for credentials that cannot be used.`;

export function serveCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  return new Command('serve')
    .description('serve the files in a folder, alone or with peers, or forward connections')
    .argument('[dir]', 'folder whose files are served')
    .option(
      '-l, --listen <[host:]port>',
      'where to listen; a port alone: 127.0.0.1; port 0 lets the system choose',
      parseListenAddress,
      '127.0.0.1:4433',
    )
    .option('-p, --peer <host:port>', 'a server with a copy of the files (may be repeated)', collect(parseAddress), [])
    .option('--cert <file>', 'certificate, PEM: the own one first, then its intermediates')
    .option('--key <file>', 'private key of the certificate, PEM')
    .option('--ca <file>', 'authorities, PEM, whose servers may act as primary towards this one')
    .option(
      '--audience <host:port>',
      'a further address under which primaries name this server (may be repeated)',
      collect(parseAddress),
      [],
    )
    .option('--allow-client-servers', 'also add servers that a client names with `kwik get --server`', false)
    .option(
      '--forward-allow <host:port>',
      'clients of `kwik tunnel` may connect to this from here (may be repeated)',
      collect(parseAddress),
      [],
    )
    .option(
      '--forward-listen <host:port>',
      'clients of `kwik tunnel` may listen on this here; port 0: on any port (may be repeated)',
      collect(parseBindAddress),
      [],
    )
    .option(
      '--admin <[host:]port>',
      'a page, metrics and health for operators; a port alone: 127.0.0.1',
      parseListenAddress,
    )
    .option('--access <file>', 'who may do what, JSON (docs/trust.md)')
    .option('--audit <file>', 'write an audit log there: who came, what was refused, what peers did wrong')
    .option('--audit-key <file>', 'Ed25519 key, PEM, that signs it; made on first use (default: FILE.key)')
    .option('--audit-origin <name>', 'name of the log, without spaces (default: kwik/ and the name of this host)')
    .option('--audit-may-fail', 'serve on when the log cannot be written, rather than to let nobody in', false)
    .option('--json', 'print events as JSON, one object per line', false)
    .addOption(new Option('--until-stdin-ends').default(false).hideHelp())
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', DETAILS)
    .action(async (directory: string | undefined, options: ServeOptions) =>
      onDone(await runServe(directory, options, io)),
    );
}
