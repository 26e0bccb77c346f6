import { Command, CommanderError, Help, type Option } from 'commander';
import { benchCommand } from './commands/bench-command.js';
import { chaosCommand } from './commands/chaos-command.js';
import { auditCommand } from './commands/audit-command.js';
import { doctorCommand, pingCommand } from './commands/diagnose-command.js';
import { demoCommand } from './commands/demo-command.js';
import { fleetCommand } from './commands/fleet-command.js';
import { getCommand } from './commands/get-command.js';
import { registryCommand } from './commands/registry-command.js';
import { relayCommand } from './commands/relay-command.js';
import { reportCommand } from './commands/report-command.js';
import { serveCommand } from './commands/serve-command.js';
import { serversCommand } from './commands/servers-command.js';
import { supportCommand } from './commands/support-command.js';
import { healthCommand, topCommand } from './commands/top-command.js';
import { tunnelCommand } from './commands/tunnel-command.js';
import { reportError } from './errors.js';
import { EXIT, EXIT_CODE_HELP, type ExitCode } from './exit-codes.js';
import type { CliIo } from './io.js';
import { withoutSecrets } from './support/secrets.js';
import { packageVersion } from './version.js';

const EXAMPLES = `
Start here:
  $ kwik demo                                   watch a file arrive from three servers at once

Then with files of your own:
  $ kwik serve ./files --listen 127.0.0.1:4434  a server with a copy of the files
  $ kwik serve ./files --listen 127.0.0.1:4433 --peer 127.0.0.1:4434
                                                the server to ask; it brings in the other one
  $ kwik get kwik://127.0.0.1:4433/big.iso      download from both

${EXIT_CODE_HELP}

KWIK_DEBUG=1 in the environment shows where an error comes from.`;

/** What an option is for is said in as many columns at the least, beside its name. */
const LEAST_HELP_COLUMNS = 24;

/** In the order in which help lists them. */
const COMMANDS = [
  auditCommand,
  demoCommand,
  serveCommand,
  getCommand,
  tunnelCommand,
  registryCommand,
  serversCommand,
  fleetCommand,
  pingCommand,
  doctorCommand,
  benchCommand,
  topCommand,
  healthCommand,
  supportCommand,
  reportCommand,
  chaosCommand,
];

/** Runs the command line `argv` (without node and script) and resolves with the exit status. Never rejects. */
export async function main(argv: readonly string[], io: CliIo): Promise<ExitCode> {
  let status: ExitCode = EXIT.ok;
  const program = createProgram(io, (code) => {
    status = code;
  });
  try {
    if (argv.length === 0) {
      io.stderr.print(program.helpInformation());
      return EXIT.usage;
    }
    const topic = helpTopic(program, argv);
    if (topic !== undefined) {
      topic.outputHelp();
      return EXIT.ok;
    }
    await program.parseAsync([...argv], { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return printError(error, io);
  }
}

function createProgram(io: CliIo, onDone: (code: ExitCode) => void): Command {
  const program = new Command('kwik')
    .description('Files from several independent servers at once, over one session.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', EXAMPLES);
  program.addCommand(relayCommand(io, onDone));
  for (const command of COMMANDS) program.addCommand(command(io, onDone));
  for (const command of [program, ...program.commands.flatMap((one) => [one, ...one.commands])])
    speakThrough(command, io);
  return program;
}

/**
 * The command that `kwik help …`, or `kwik … help …`, asks about; undefined where nothing else than that is asked. Throws for one that
 * there is not: Commander shows the help of another one then.
 */
function helpTopic(program: Command, argv: readonly string[]): Command | undefined {
  const named = (command: Command, name: string): Command | undefined =>
    command.commands.find((one) => one.name() === name);
  let topic = program;
  let isAsked = false;
  for (const word of argv) {
    const next = named(topic, word);
    if (next !== undefined) topic = next;
    else if (word === 'help' && !isAsked && topic.commands.length > 0) isAsked = true;
    else if (!isAsked || word.startsWith('-')) return undefined;
    else topic.error(`error: unknown command '${word}'`, { code: 'commander.unknownCommand', exitCode: EXIT.usage });
  }
  return isAsked ? topic : undefined;
}

/** Commander's own messages go the same way, and read the same, as all others. */
function speakThrough(command: Command, io: CliIo): void {
  command.configureHelp({ optionDescription: describeOption, minWidthToWrap: LEAST_HELP_COLUMNS });
  command.exitOverride().configureOutput({
    writeOut: (text) => io.stdout.print(text),
    writeErr: (text) => io.stderr.print(text),
    getOutHelpWidth: () => Math.min(io.stdout.columns(), 100),
    getErrHelpWidth: () => Math.min(io.stderr.columns(), 100),
    getOutHasColors: () => false,
    getErrHasColors: () => false,
    outputError: (text, write) => {
      const message = text
        .replace(/^error: /u, '')
        .trim()
        .replace(/\s*\n\s*/gu, ' ');
      // An option that cannot be is said again as it was given; logs of services keep it.
      write(`kwik: ${withoutSecrets(message)}; see ${spelled(command)} --help\n`);
    },
  });
}

/** As it is called, with those that it is part of: `kwik fleet status`. */
function spelled(command: Command): string {
  return command.parent === null ? command.name() : `${spelled(command.parent)} ${command.name()}`;
}

/** Commander's own, but "default: false" and "default: []" tell nobody anything. */
function describeOption(option: Option): string {
  const { defaultValue, description } = option as { defaultValue: unknown; description: string };
  if (defaultValue === false || (Array.isArray(defaultValue) && defaultValue.length === 0)) return description;
  return new Help().optionDescription(option);
}

function printError(error: unknown, io: CliIo): ExitCode {
  const { message, code, exitCode } = reportError(error);
  if ((io.env['KWIK_DEBUG'] ?? '') !== '') {
    io.stderr.print(`kwik: ${code}\n${error instanceof Error ? describeCauses(error) : String(error)}\n`);
  } else {
    io.stderr.print(`kwik: ${message}\n`);
  }
  return exitCode;
}

function describeCauses(error: Error): string {
  const stack = error.stack ?? error.message;
  return error.cause instanceof Error ? `${stack}\ncaused by: ${describeCauses(error.cause)}` : stack;
}
