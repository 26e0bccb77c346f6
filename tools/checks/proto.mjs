import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { GEN, generate } from '../lib/generate.mjs';
import { fromProblems, fromRun } from '../lib/result.mjs';
import { BIN, runNode } from '../lib/run.mjs';

/**
 * The messages of the last release, as a buf image. It is a committed file and not a git reference, because a shallow
 * clone has no history, a first commit has no parent, and "the last commit" would let a change through in two steps.
 */
const BASELINE = 'tools/proto-baseline/kwik.binpb';

/** @type {import('../lib/result.mjs').Check} */
export async function checkGenerated(root) {
  const temporary = join(root, '.tmp');
  mkdirSync(temporary, { recursive: true });
  const target = mkdtempSync(join(temporary, 'gen-'));
  try {
    const result = await generate(target);
    if (result.code !== 0) return fromRun(result);
    const fresh = readTree(join(target, GEN));
    const committed = readTree(join(root, GEN));
    const problems = [...new Set([...fresh.keys(), ...committed.keys()])]
      .filter((file) => fresh.get(file) !== committed.get(file))
      .map((file) => `${GEN}/${file} is not what proto/ generates: run \`pnpm gen\``);
    return fromProblems(problems, `${fresh.size} files`);
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}

/** @type {import('../lib/result.mjs').Check} */
export async function checkProtoLint(root) {
  return fromRun(await runNode(BIN.buf, ['lint'], { cwd: root }));
}

/** @type {import('../lib/result.mjs').Check} */
export async function checkProtoFormat(root) {
  const result = await runNode(BIN.buf, ['format', '--diff', '--exit-code'], { cwd: root });
  return fromRun(result, 'Run `pnpm exec buf format --write`.');
}

/** @type {import('../lib/result.mjs').Check} */
export async function checkProtoBreaking(root) {
  const result = await runNode(BIN.buf, ['breaking', '--against', BASELINE], { cwd: root });
  return fromRun(result, 'A released peer could not read this: add fields, and reserve the numbers of those that go.');
}

/** Replaces the baseline by the messages as they are. For releases. */
export function writeBaseline() {
  return runNode(BIN.buf, ['build', '--exclude-source-info', '--output', BASELINE]);
}

/**
 * @param {string} dir
 * @returns {Map<string, string>} Content by path below `dir`.
 */
function readTree(dir) {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path.slice(dir.length + 1), readFileSync(path, 'utf8')];
    }),
  );
}
