/** `pnpm site [FOLDER]`: builds the site into a folder, `.tmp/site` by default. The packages must be built. */
import { join, resolve } from 'node:path';
import { ROOT } from './lib/workspace.mjs';
import { buildSite } from './site/build.mjs';

const out = resolve(process.argv[2] ?? join(ROOT, '.tmp', 'site'));
const { problems, pages } = await buildSite(ROOT, out);
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.stdout.write(problems.length === 0 ? `${pages} pages, and the API, in ${out}\n` : '');
process.exitCode = problems.length === 0 ? 0 : 1;
