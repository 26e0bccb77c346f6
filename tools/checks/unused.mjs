import { fromRun } from '../lib/result.mjs';
import { BIN, runNode } from '../lib/run.mjs';

/** knip's parser is a native module that older ones cannot load. */
const LEAST_NODE = [20, 19];

/** @type {import('../lib/result.mjs').Check} */
export async function checkUnused(root) {
  if (isOlder(process.versions.node)) {
    return {
      ok: true,
      report: '',
      skipped: `knip needs Node ${LEAST_NODE.join('.')}, this is ${process.versions.node}`,
    };
  }
  const result = await runNode(BIN.knip, ['--directory', root], { cwd: root });
  return fromRun(
    result,
    'Delete it, or its `export`; what is reached from outside of imports is an entry in knip.json.',
  );
}

/** @param {string} version */
export function isOlder(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = LEAST_NODE;
  return major < leastMajor || (major === leastMajor && minor < leastMinor);
}
