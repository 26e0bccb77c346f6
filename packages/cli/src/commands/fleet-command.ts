import { Command } from 'commander';
import type { ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import type { CapacityOptions, DrainOptions, StatusOptions } from '../fleet/fleet.js';
import { fleetKeyCommand } from './fleet-key-command.js';
import { addDiscoverOption, addRegistryOptions, SOURCE_HELP } from './discovery-options.js';
import { collect, parseSeconds, parseWhole } from './parsers.js';

const SOURCES = `
${SOURCE_HELP}`;

const DRAIN_DETAILS = `
SERVER is the id of a server, or one of its addresses. A mark in etcd has it say of itself that it
drains: nobody new comes, and sessions of other servers replace their paths to it before it goes.
Sessions that clients opened with it go on at its standby, where it has one (\`kwik serve --standby\`),
each as soon as nothing but content is under way. Others go on until they end; --wait waits for all of
them, until somebody undrains it. The mark holds until \`kwik fleet undrain\`, also when the server is
started again.

Examples:
  $ kwik fleet drain films one --reason 'new disk' --wait 600
  $ kwik fleet drain films 192.0.2.1:4433 --discover etcd:127.0.0.1:2379

Exit status: 0 if it drains (with --wait: and has no session any more, or is gone), 1 if it does not,
is the last that takes clients, or is undrained, 2 for wrong usage, 3 if there is no such server, 4 if
etcd, or another source, does not answer.
${SOURCES}`;

/** `kwik fleet …`: the servers of a service as a whole. */
export function fleetCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  return new Command('fleet')
    .description('the servers of a service: how they are, which drain, how many could go, their key')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .addCommand(statusCommand(io, onDone))
    .addCommand(drainCommand(io, onDone))
    .addCommand(undrainCommand(io, onDone))
    .addCommand(capacityCommand(io, onDone))
    .addCommand(fleetKeyCommand(io, onDone));
}

function ofService(name: string, description: string): Command {
  const command = new Command(name).description(description).argument('<name>', 'of the service');
  addDiscoverOption(command, 'where servers are found');
  return addRegistryOptions(command)
    .option('--json', 'print JSON objects, one per line', false)
    .helpOption('-h, --help', 'show this help');
}

function statusCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  return ofService('status', 'show each server: whether it answers, its load, its version, whether it drains and why')
    .option(
      '--fleet-key <file>',
      'say which servers could go on with sessions that this key seals',
      collect(String),
      [],
    )
    .addHelpText(
      'after',
      `
Each server is sent a packet, and no session is opened. With --fleet-key each is asked whether it could
take a session over that is sealed by that key.

Exit status: 0 if a server takes clients, 2 for wrong usage, 3 if none does, 4 if etcd does not
answer.
${SOURCES}`,
    )
    .action(async (name: string, options: StatusOptions) => {
      const { runStatus } = await import('../fleet/fleet.js');
      onDone(await runStatus(name, options, io));
    });
}

function drainCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  return ofService('drain', 'have a server take nobody new')
    .argument('<server>', 'its id, or one of its addresses')
    .option('--reason <text>', 'why, for those who look at it later', '')
    .option('--timeout <seconds>', 'how long it may take until the server obeys', parseSeconds, 30)
    .option('--wait <seconds>', 'wait so long for its last session to end', parseSeconds)
    .option('--force', 'drain the last server that takes clients, too', false)
    .addHelpText('after', DRAIN_DETAILS)
    .action(async (name: string, server: string, options: DrainOptions) => {
      const { runDrain } = await import('../fleet/fleet.js');
      onDone(await runDrain(name, server, options, io));
    });
}

function undrainCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  return ofService('undrain', 'let a server take clients again')
    .argument('<server>', 'its id, or one of its addresses')
    .option('--timeout <seconds>', 'how long it may take until the server obeys', parseSeconds, 30)
    .addHelpText(
      'after',
      `
Exit status: 0 if it takes clients again, or is not there, 1 if it does not, 2 for wrong usage, 3 if
nobody had it drain, 4 if etcd, or another source, does not answer.
${SOURCES}`,
    )
    .action(async (name: string, server: string, options: DrainOptions) => {
      const { runUndrain } = await import('../fleet/fleet.js');
      onDone(await runUndrain(name, server, options, io));
    });
}

function capacityCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  return ofService('capacity', 'how much of what the servers offer is used, and how many of them could go')
    .option('--target <percent>', 'how full the servers that stay may be', parseWhole, 70)
    .option('--keep <n>', 'servers that stay in any case', parseWhole, 2)
    .addHelpText(
      'after',
      `
What a server offers is its weight; what it carries is that times the load that it announces. What
drains offers nothing.

Exit status: 0 if no server is missing, 1 if one is, 2 for wrong usage, 3 if no server takes clients, 4
if a source does not answer and no server is known.
${SOURCES}`,
    )
    .action(async (name: string, options: CapacityOptions) => {
      const { runCapacity } = await import('../fleet/fleet.js');
      onDone(await runCapacity(name, options, io));
    });
}
