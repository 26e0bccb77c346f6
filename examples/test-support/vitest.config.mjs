import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packages = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'packages');

/** In this repository, where nothing is installed, packages are their sources. A project of one's own needs none of this. */
export default {
  test: { include: ['**/*.vitest.ts'] },
  resolve: {
    alias: [
      { find: /^@kwik\/testbed\/chaos$/, replacement: `${packages}/testbed/src/chaos/index.ts` },
      { find: /^@kwik\/session\/(.+)$/, replacement: `${packages}/session/src/$1/index.ts` },
      { find: /^@kwik\/([a-z]+)$/, replacement: `${packages}/$1/src/index.ts` },
    ],
  },
};
