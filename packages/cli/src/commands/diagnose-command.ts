import { Command } from 'commander';
import type { DiagnoseOptions } from '../diagnose/diagnose.js';
import type { ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { collect, parseAddress, parseCountUpTo, parseSeconds, parseSecondsUpTo } from './parsers.js';
import { withTrust } from './trust-options.js';

const PING_DETAILS = `
A session is opened with each server, and all paths of it are asked in rounds: those to the server, to the others that
it brings in, and by way of --relay. A question goes over QUIC to the other end's session and back, so what is
measured is what an application would wait for.

Examples:
  $ kwik ping server.example --ca ca.pem
  $ kwik ping 127.0.0.1:4433 127.0.0.1:4434 --count 20 --interval 0.1

Exit status: 0 when everything answered, 1 when a server, a path or a round did not, 2 for wrong usage, 4 when nothing
did.`;

const DOCTOR_DETAILS = `
For each server and each path of a session with it: whether UDP gets there and back, what is wrong with the
certificate, round trip, loss, the largest datagram, whether the clocks agree, whether the path carries, and if not,
why not. Then what is wrong, the worst first.

Examples:
  $ kwik doctor server.example --ca ca.pem
  $ kwik doctor 198.51.100.7:4433 198.51.100.8:4433 --relay relay.example:4440

Exit status: 0 when nothing is wrong, 1 when something is, 2 for wrong usage, 4 when the first server is not reached.`;

export function pingCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  return diagnosing(new Command('ping').description('ask over each path to servers, and time the answers'), 'runPing', {
    io,
    onDone,
  }).addHelpText('after', PING_DETAILS);
}

export function doctorCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  const command = new Command('doctor').description('find out why servers, paths or relays are not used');
  return diagnosing(command, 'runDoctor', { io, onDone }).addHelpText('after', DOCTOR_DETAILS);
}

interface Parts {
  readonly io: CliIo;
  readonly onDone: (code: ExitCode) => void;
}

function diagnosing(command: Command, run: 'runPing' | 'runDoctor', { io, onDone }: Parts): Command {
  const asked = command
    .argument('<host:port...>', 'servers, or URLs of them; each gets a session of its own')
    .option('--relay <host:port>', 'a relay for clients to use besides (may be repeated)', collect(parseAddress), [])
    .option('-c, --count <rounds>', 'how often each path is asked', parseCountUpTo(1000), 5)
    .option('-i, --interval <seconds>', 'between two rounds', parseSeconds, 0.2)
    .option('-t, --timeout <seconds>', 'for a session, and for each answer (60 at the most)', parseSecondsUpTo(60), 5);
  return withTrust(asked)
    .option('--json', 'print what was found as one JSON object', false)
    .helpOption('-h, --help', 'show this help')
    .action(async (servers: string[], options: DiagnoseOptions) => {
      const diagnose = await import('../diagnose/diagnose.js');
      onDone(await diagnose[run](servers, options, io));
    });
}
