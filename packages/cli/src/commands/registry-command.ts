import { Command } from 'commander';
import type { ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import type { RegistryOptions } from '../registry/registry.js';
import { addRegistryOptions, parseSourceText } from './discovery-options.js';
import { parseListenAddress } from './parsers.js';

const DETAILS = `
Servers announce themselves here (\`kwik serve --announce URL --service NAME\`), and clients ask for the servers of a
service (\`kwik get kwik:NAME/... --discover URL\`, \`kwik servers NAME --discover URL\`). A server that stops
renewing is forgotten.

On this machine nobody has to show anything. Beyond it, --cert and --key are needed, and a token or a client certificate
of whoever asks. Tokens stand in variables, with commas between several:
  KWIK_REGISTRY_TOKENS        whoever shows one of these may announce and read
  KWIK_REGISTRY_READ_TOKENS   whoever shows one of these may read

A server that announces itself with a key (kwik serve --announce-key) keeps its id: nobody without the key announces it,
or takes it back.

In memory, what was announced is gone with the process, and back within a third of its time to live (10 s). Several
registries may stand on one etcd.

Examples:
  $ kwik registry
  $ kwik registry --store etcd:127.0.0.1:2379 --listen 127.0.0.1:4481
  $ KWIK_REGISTRY_TOKENS=$(cat token) kwik registry --listen 0.0.0.0:4480 --cert registry.pem --key registry-key.pem
  $ kwik registry --listen 0.0.0.0:4480 --cert registry.pem --key registry-key.pem --client-ca ca.pem

Exit status: 0 after Ctrl-C or SIGTERM, 2 for wrong usage or an address where it cannot listen, 4 for credentials that
cannot be used or an etcd that does not answer.`;

export function registryCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  const command = new Command('registry')
    .description('keep a list of servers that announce themselves, for clients to ask by HTTP')
    .option(
      '-l, --listen <[host:]port>',
      'where to listen; a port alone: 127.0.0.1; port 0 lets the system choose',
      parseListenAddress,
      '127.0.0.1:4480',
    )
    .option(
      '--store <source>',
      'memory, or etcd:HOST:PORT[,HOST:PORT...] (etcds: by TLS)',
      (text) => (text === 'memory' ? text : parseSourceText(text)),
      'memory',
    )
    .option('--cert <file>', 'certificate, PEM: the own one first, then its intermediates')
    .option('--key <file>', 'private key of the certificate, PEM')
    .option('--client-ca <file>', 'authorities, PEM, whose client certificates do as well as a token')
    .option('--public-reads', 'anybody may read; to announce takes a token or a certificate all the same', false)
    .option('--signed-only', 'take only servers that sign what they announce (kwik serve --announce-key)', false);
  return addRegistryOptions(command)
    .option('--json', 'print events as JSON, one object per line', false)
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', DETAILS)
    .action(async (options: RegistryOptions) => {
      const { runRegistry } = await import('../registry/registry.js');
      onDone(await runRegistry(options, io));
    });
}
