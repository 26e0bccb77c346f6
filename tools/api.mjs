/** `pnpm api`: writes the reports of the public interfaces anew, for a review to look at. Builds first. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { REPORTS, writeReports } from './lib/api-reports.mjs';
import { build } from './lib/build.mjs';
import { ROOT } from './lib/workspace.mjs';

const built = await build(ROOT);
if (built.code !== 0) {
  process.stderr.write(built.output);
  process.exitCode = built.code;
} else {
  rmSync(join(ROOT, REPORTS), { recursive: true, force: true });
  for (const name of writeReports(ROOT, join(ROOT, REPORTS))) process.stdout.write(`${REPORTS}/${name}\n`);
}
