import { Command } from 'commander';
import { EXIT_CODE_HELP, type ExitCode } from '../exit-codes.js';
import type { GetOptions } from '../get/options.js';
import type { CliIo } from '../io.js';
import { addDiscoverOption, addRegistryOptions, SOURCE_HELP } from './discovery-options.js';
import { collect, parseServerText, parseSeconds } from './parsers.js';
import { withTrust } from './trust-options.js';
import { withQlog } from './watch-options.js';

const DETAILS = `
A URL is kwik://HOST:PORT/PATH (port 4433 unless given; spaces and other special characters as %20 and so on).

With kwik:NAME/PATH the servers of the service NAME are found by --discover: the best is dialled, a quarter of a
second later the next as well, and the first that answers is kept. If it is lost for good, another one takes its
place.

The file is written to FILE.kwik-part beside its target and takes its name when it is whole and its SHA-256 is that of
the server. If the download breaks off, the same command goes on where it stopped, also from another server.

The server may bring in further servers; the display shows what comes from each. Servers given with --server are
dialled instead when the first cannot be reached, and the server that answers is asked to bring in the others; it does
if they are its peers, or if it was started with --allow-client-servers.

Examples:
  $ kwik get kwik://127.0.0.1:4433/big.iso
  $ kwik get kwik://127.0.0.1:4433/big.iso -o /tmp/copy.iso --force
  $ kwik get kwik://files.example:4433/big.iso --ca ca.pem --server mirror.example:4433
  $ kwik get kwik:films/big.iso --discover http://127.0.0.1:4480
  $ kwik get -r kwik://127.0.0.1:4433/photos -d ./photos
  $ kwik get kwik://127.0.0.1:4433/notes.txt -o - | less

${SOURCE_HELP}

With --json one object is printed at the end: bytes, seconds, goodputMbps, sha256, maxGapMs and paths (server, bytes,
share, rttMs, lostPackets, state, and the reason for it); after a failure also error (code, message).

${EXIT_CODE_HELP}`;

export function getCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  const command = new Command('get')
    .description('download files')
    .argument('<url...>', 'kwik://HOST:PORT/PATH, or kwik:NAME/PATH; several must be on the same server')
    .option('-o, --output <file>', 'where to put the file; - for standard output (default: its own name, here)')
    .option('-d, --dir <folder>', 'folder to put files into, made if missing')
    .option('-r, --recursive', 'get everything in the folder that the URL names', false)
    .option(
      '-s, --server <host:port>',
      'a further server of the same files (may be repeated)',
      collect(parseServerText),
      [],
    );
  addDiscoverOption(command, 'where the servers of kwik:NAME are found');
  return withTrust(addRegistryOptions(withQlog(command)))
    .option('--trust-scores <file>', 'remember there what servers did: who sent wrong content is not used again')
    .option('-f, --force', 'overwrite files that exist', false)
    .option('--skip-existing', 'leave out files that exist', false)
    .option('-t, --timeout <seconds>', 'give up when nothing comes for so long', parseSeconds, 15)
    .option('-q, --quiet', 'print errors only', false)
    .option('--json', 'print the result as one JSON object, and no progress', false)
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', DETAILS)
    .action(async (urls: string[], options: GetOptions) => {
      const { runGet } = await import('../get/get.js');
      onDone(await runGet(urls, options, io));
    });
}
