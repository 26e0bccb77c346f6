import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { BIN, runNode } from './run.mjs';

/** Where buf.gen.yaml puts the code, below the folder that it generates into. */
export const GEN = join('packages', 'wire', 'src', 'gen');

/**
 * Generates code from proto/ into a folder, in place of what was there: a message that is gone leaves no file behind.
 *
 * @param {string} target
 */
export function generate(target) {
  rmSync(join(target, GEN), { recursive: true, force: true });
  return runNode(BIN.buf, ['generate', '--output', target]);
}
