/**
 * Installs the programs of Debian that the integration tests speak to (`tools/lib/debian.mjs` names them and says why), and
 * starts no service. `--list` only says what is there. The exit status is 1 when something could not be installed.
 */
import { existsSync } from 'node:fs';
import { DEBIAN, cannotInstall, install, missing } from './lib/debian.mjs';

const rows = DEBIAN.map(
  ({ name, program, why }) => `${existsSync(program) ? 'there  ' : 'missing'} ${name.padEnd(18)}${why}`,
);
process.stdout.write(`${rows.join('\n')}\n`);

if (!process.argv.includes('--list') && missing().length > 0) {
  const reason = cannotInstall();
  if (reason !== undefined) {
    process.stdout.write(`Nothing was installed: ${reason}. Tests of what is missing are skipped.\n`);
    process.exitCode = 1;
  } else {
    const names = missing().map(({ name }) => name);
    process.stdout.write(`\nInstalling from Debian: ${names.join(' ')}\n`);
    const { code, output } = await install(missing());
    if (code !== 0) process.stderr.write(output);
    process.exitCode = code === 0 && missing().length === 0 ? 0 : 1;
  }
}
