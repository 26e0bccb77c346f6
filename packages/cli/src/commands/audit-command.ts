import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import type { VerifyOptions } from '../audit/verify.js';
import { fileError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { collect } from './parsers.js';

const DETAILS = `
Examples:
  $ kwik serve ./files --audit audit.log       write one
  $ kwik audit verify audit.log                whether entries were cut, swapped, edited or truncated
  $ kwik audit key audit.log > server-1.key    hand this to whoever verifies ...
  $ kwik audit checkpoint audit.log > kept     ... and this, now and then
  $ kwik audit verify audit.log --key server-1.key --checkpoint kept

Exit status: 0 if the log is as it was written, 1 if it is not or cannot be read.`;

export function auditCommand(io: CliIo, onDone: (code: ExitCode) => void): Command {
  const audit = new Command('audit')
    .description('verify an audit log, and show what others need for that')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', DETAILS);
  audit
    .command('verify')
    .description('whether the log is as it was written; names what is not')
    .argument('<file>', 'the log; full files beside it (FILE.1, FILE.2, ...) belong to it')
    .option('--key <key>', 'who must have signed it: name+id+key, or a file with that')
    .option('--checkpoint <file>', 'a checkpoint that was kept elsewhere (may be repeated)', collect(String), [])
    .option('--witness <key>', 'who must have cosigned a checkpoint (may be repeated)', collect(String), [])
    .option('--json', 'print the result as JSON', false)
    .action(async (file: string, options: VerifyOptions) => {
      const { runVerify } = await import('../audit/verify.js');
      onDone(await runVerify(file, options, io));
    });
  audit
    .command('key')
    .description('the public key that signs the log')
    .argument('<file>', 'the log')
    .action(async (file: string) => {
      const { verifyAuditLog } = await import('@kwik/trust');
      const { key } = await verifyAuditLog(file);
      io.stdout.print(`${key ?? ''}\n`);
      onDone(key === undefined ? EXIT.failed : EXIT.ok);
    });
  audit
    .command('checkpoint')
    .description('the last checkpoint, a note for witnesses and for keeping')
    .argument('<file>', 'the log')
    .action(async (file: string) => {
      io.stdout.print(await readNote(`${file}.checkpoint`));
      onDone(EXIT.ok);
    });
  return audit;
}

async function readNote(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw fileError('read the checkpoint', path, error);
  }
}
