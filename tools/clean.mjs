/** `pnpm clean`: removes what is built. `tsc -b --clean` would leave what was built from sources that are gone. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, listPackages } from './lib/workspace.mjs';

for (const dir of [...listPackages().map((each) => join(each.dir, 'dist')), join(ROOT, '.tmp')]) {
  rmSync(dir, { recursive: true, force: true });
}
