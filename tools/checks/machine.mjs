import { cannotInstall, install, missing } from '../lib/debian.mjs';

/**
 * Makes the machine ready for the integration tests, where it may; what it cannot have makes tests skip, not fail.
 *
 * @type {import('../lib/result.mjs').Check}
 */
export async function checkMachine() {
  const rows = missing();
  const names = rows.map(({ name }) => name).join(' ');
  if (rows.length === 0) return { ok: true, report: '', summary: 'all programs are there' };
  const reason = cannotInstall();
  if (reason !== undefined) return { ok: true, report: '', skipped: `${reason}: no ${names}` };
  process.stdout.write(`installing from Debian: ${names}\n`);
  const { code, output } = await install(rows);
  const left = missing().map(({ name }) => name);
  if (code === 0 && left.length === 0) return { ok: true, report: '', summary: `installed ${names}` };
  const lastLine = output.trimEnd().split('\n').at(-1) ?? '';
  return { ok: true, report: '', skipped: `could not install ${left.join(' ')}: ${lastLine}` };
}
