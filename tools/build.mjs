/** `pnpm build`: compiles all packages, and joins the modules of each. */
import { build } from './lib/build.mjs';
import { ROOT } from './lib/workspace.mjs';

const { code, output } = await build(ROOT);
process.stderr.write(output);
process.exitCode = code;
