/** `pnpm proto:baseline`: makes the messages as they are now the ones that later versions must be able to read. */
import { writeBaseline } from './checks/proto.mjs';

const { code, output } = await writeBaseline();
process.stderr.write(output);
process.exitCode = code;
