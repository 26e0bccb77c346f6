import { Command, Option } from 'commander';
import type { ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import type { ReportOptions } from '../report/report.js';
import { collect } from './parsers.js';

const DETAILS = `
What is not given stands in the report as "not given". A report names peers, servers and addresses,
and no secrets: look at it before you pass it on. Where the --admin page asks for a token, set
KWIK_ADMIN_TOKEN.

Examples:
  $ kwik report --audit audit.log --audit-key server-1.key --cert server.pem --admin 9464 \\
      --format html --out report.html
  $ kwik report --support bundle.tgz --cert ca.pem > report.md
  $ kwik report --format json | jq .software.packages

Exit status: 0 when what was given is as it should be, 1 when it is not (an audit log that was
changed, a certificate that has expired, a process that is not well) or cannot be read, 2 for wrong
usage, 4 when nobody answers.`;

export function reportCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  return new Command('report')
    .description('evidence for an auditor, from audit logs, certificates and a running process')
    .option('--audit <file>', 'an audit log, which is verified (may be repeated)', collect(String), [])
    .option(
      '--audit-key <key>',
      'who must have signed it: name+id+key, or a file with that (may be repeated)',
      collect(String),
      [],
    )
    .option(
      '--checkpoint <file>',
      'a checkpoint of a log that was kept elsewhere (may be repeated)',
      collect(String),
      [],
    )
    .option('--cert <file>', 'certificates or authorities, PEM (may be repeated)', collect(String), [])
    .option('--admin <address>', 'port, HOST:PORT or URL of the --admin page of a running process')
    .option('--support <bundle>', 'in place of --admin: what kwik support wrote')
    .addOption(new Option('--format <format>', 'of the report').choices(['md', 'json', 'html']).default('md'))
    .option('-o, --out <file>', 'where to write it; it must not be there yet (default: standard output)')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', DETAILS)
    .action(async (options: ReportOptions) => {
      const { runReport } = await import('../report/report.js');
      onDone(await runReport(options, io));
    });
}
