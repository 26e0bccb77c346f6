import { CAPABILITIES } from '@kwik/discovery/source-spec';
import { Command, InvalidArgumentError } from 'commander';
import type { ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import type { ServersOptions } from '../servers/servers.js';
import { addDiscoverOption, addRegistryOptions, SOURCE_HELP } from './discovery-options.js';
import { collect, parseCountUpTo } from './parsers.js';

const DETAILS = `
Shows each server of the service NAME that a source knows: what is said of it and by whom, whether a client here would
choose it, and why, or why not. Nobody is connected to.

${SOURCE_HELP}

Examples:
  $ kwik servers films --discover http://127.0.0.1:4480
  $ kwik servers films --discover mdns --discover file:servers.json --watch
  $ kwik servers films --discover dns-sd:films.example --capability replica --region eu --json

Exit status: 0 if a server would be chosen (with --watch: after Ctrl-C), 3 if none would, 2 for wrong usage.`;

export function serversCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  const command = new Command('servers')
    .description('show the servers of a service, and which of them would be chosen')
    .argument('<name>', 'of the service');
  addDiscoverOption(command, 'where servers are found');
  return addRegistryOptions(command)
    .option(
      '--capability <name>',
      `only servers with it: ${CAPABILITIES.join(', ')} (may be repeated; default: primary)`,
      collect(parseCapability),
      [],
    )
    .option('--tag <tag>', 'only servers with it (may be repeated)', collect(String), [])
    .option('--region <region>', 'where the client stands: nearer servers are chosen first')
    .option('--zone <zone>', 'the same, within the region')
    .option('--count <n>', 'how many are to be chosen', parseCountUpTo(10_000), 4)
    .option('--watch', 'go on, and show each change', false)
    .option('--json', 'print one JSON object, with --watch one per line and change', false)
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', DETAILS)
    .action(async (name: string, options: ServersOptions) => {
      const { runServers } = await import('../servers/servers.js');
      onDone(await runServers(name, options, io));
    });
}

function parseCapability(text: string): string {
  if ((CAPABILITIES as readonly string[]).includes(text)) return text;
  throw new InvalidArgumentError(`Write one of ${CAPABILITIES.join(', ')}.`);
}
