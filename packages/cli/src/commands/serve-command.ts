import { Command, Option } from 'commander';
import { checkAudit } from '../audit/open-audit.js';
import type { ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import type { ServeOptions } from '../serve/serve.js';
import { addTakeoverOptions } from './fleet-key-command.js';
import { addDiscoverOption, addRegistryOptions, parseSourceText, SOURCE_HELP } from './discovery-options.js';
import {
  collect,
  parseAddress,
  parseBindAddress,
  parseCandidate,
  parseCountUpTo,
  parseListenAddress,
  parseServerText,
  parseSize,
  parseWhole,
} from './parsers.js';
import { withWatching } from './watch-options.js';

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

With --fleet-key and --standby a session outlives this server: when it is killed or stopped, its clients go on at the
standby, another server with a copy of the files and the same key (docs/how-to/standby.md). With --standby-from SOURCE
in place of --standby it is found among the servers of its --service that announce themselves and have a --fleet-key.

With --scale-server a further server is taken on when a client wants more than comes, the cheapest first, and given back
when it is not needed; with --scale-discovered those that --discover finds are, as they are wanted, in place of
--replicas for each session. --scaling-history keeps what hours needed and what servers sent this month
(docs/scaling.md).

With --announce SOURCE --service NAME others find this server, and \`kwik get kwik:NAME/PATH --discover SOURCE\` gets
files from it. With --discover it finds the others, and adds them to sessions. By dns-sd it announces nothing itself,
and prints what belongs into the zone.

${SOURCE_HELP}

Examples:
  $ kwik serve ./files
  $ kwik serve ./files --listen 0 --announce http://127.0.0.1:4480 --discover http://127.0.0.1:4480 --service films
  $ kwik serve ./files --listen 127.0.0.1:4433 --peer 127.0.0.1:4434 --peer 127.0.0.1:4435
  $ kwik serve ./files --scale-server b.example:4433=0.01 --scaling-history scaling.json
  $ kwik serve ./files --listen 127.0.0.1:4433 --fleet-key fleet.key --standby 127.0.0.1:4434
  $ kwik serve --forward-allow 127.0.0.1:5432
  $ kwik serve ./files --listen 0.0.0.0:4433 --cert server.pem --key server-key.pem --ca ca.pem

Exit status: 0 after Ctrl-C or SIGTERM, 1 if DIR cannot be served, 2 for wrong usage or an address where it cannot
listen, 4 for credentials that cannot be used.`;

export function serveCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  const command = new Command('serve')
    .description('serve the files in a folder, alone or with peers, or forward connections')
    .argument('[dir]', 'folder whose files are served')
    .option(
      '-l, --listen <[host:]port>',
      'where to listen; a port alone: 127.0.0.1; port 0 lets the system choose',
      parseListenAddress,
      '127.0.0.1:4433',
    )
    .option(
      '-p, --peer <host:port>',
      'a server with a copy of the files (may be repeated)',
      collect(parseServerText),
      [],
    )
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
    .option('--access <file>', 'who may do what, JSON (docs/trust.md)')
    .option('--audit <file>', 'write an audit log there: who came, what was refused, what peers did wrong')
    .option('--audit-key <file>', 'Ed25519 key, PEM, that signs it; made on first use (default: FILE.key)')
    .option('--audit-origin <name>', 'name of the log, without spaces (default: kwik/ and the name of this host)')
    .option('--audit-may-fail', 'serve on when the log cannot be written, rather than to let nobody in', false);
  const scaled = addScalingOptions(withWatching(addTakeoverOptions(addForwardOptions(command))));
  return addRegistryOptions(addServiceOptions(scaled))
    .option('--json', 'print events as JSON, one object per line', false)
    .option(
      '--workers <n>',
      'processes that share the address, on Linux; SIGHUP has new ones take over',
      parseCountUpTo(64),
      1,
    )
    .option(
      '--memory <size>',
      'what peers may make it hold: near it nobody new is let in (docs/overload.md)',
      parseSize,
    )
    .addOption(new Option('--as-worker').default(false).hideHelp())
    .addOption(new Option('--until-stdin-ends').default(false).hideHelp())
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', DETAILS)
    .action(async (directory: string | undefined, options: ServeOptions & { readonly asWorker: boolean }) => {
      if (!options.asWorker) checkAudit(options);
      if (options.asWorker || options.workers > 1) {
        const { runAsWorker, runWorkers } = await import('../serve/worker-fleet.js');
        onDone(options.asWorker ? await runAsWorker(io) : await runWorkers(directory, options, io));
        return;
      }
      const { runServe } = await import('../serve/serve.js');
      onDone(await runServe(directory, options, io));
    });
}

/** Further servers, as clients want them. */
function addScalingOptions(command: Command): Command {
  return command
    .option(
      '--scale-server <host:port[=price]>',
      'a server with a copy of the files, at so much a GB, taken on while a client wants more (may be repeated)',
      collect(parseCandidate),
      [],
    )
    .option('--scale-discovered', 'also those that --discover finds, in place of --replicas', false)
    .option('--scale-paths <n>', 'servers of a session at the most, this one among them', parseCountUpTo(16), 4)
    .option('--scaling-history <file>', 'keep there what hours needed and what servers sent this month');
}

/** For clients of `kwik tunnel`. */
function addForwardOptions(command: Command): Command {
  return command
    .option(
      '--forward-allow <host:port>',
      'clients of `kwik tunnel` may connect to this from here (may be repeated)',
      collect(parseAddress),
      [],
    )
    .option(
      '--forward-allow-udp <host:port>',
      'clients of `kwik tunnel` may send UDP to this from here, and hear its answers (may be repeated)',
      collect(parseAddress),
      [],
    )
    .option(
      '--forward-listen <host:port>',
      'clients of `kwik tunnel` may listen on this here; port 0: on any port (may be repeated)',
      collect(parseBindAddress),
      [],
    );
}

/** By which servers of a service find each other, and are found. */
function addServiceOptions(command: Command): Command {
  command
    .option(
      '--announce <source>',
      'tell others of this server: by a registry, etcd, mdns or dns-sd (may be repeated)',
      collect(parseSourceText),
      [],
    )
    .option('--announce-key <file>', 'Ed25519 key, PEM, that signs what is announced: nobody else takes its id')
    .option('--service <name>', 'of which service it is')
    .option(
      '--announce-address <host:port>',
      'where others reach it (may be repeated; default: where it listens)',
      collect(parseAddress),
      [],
    )
    .option('--server-id <id>', 'its own name among the servers of the service (default: its address)')
    .option('--region <region>', 'where it stands')
    .option('--zone <zone>', 'the same, within the region')
    .option('--tag <tag>', 'what else is to be known of it (may be repeated)', collect(String), []);
  addDiscoverOption(command, 'where other servers of the service are found, which are added to sessions');
  return command.option('--replicas <n>', 'how many of them each session is to have', parseWhole, 2);
}
