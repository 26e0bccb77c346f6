/** `pnpm gen`: writes packages/wire/src/gen from proto/. */
import { generate } from './lib/generate.mjs';
import { ROOT } from './lib/workspace.mjs';

const { code, output } = await generate(ROOT);
process.stderr.write(output);
process.exitCode = code;
