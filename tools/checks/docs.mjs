import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { markedBlocks, relativeLinks } from '../lib/markdown.mjs';
import { fromProblems } from '../lib/result.mjs';
import { BIN, run, runNode } from '../lib/run.mjs';
import { ROOT, listPackages } from '../lib/workspace.mjs';

/**
 * @typedef {import('../lib/markdown.mjs').Block} Block
 * @typedef {Block & { id: string }} Sample A block, and the name of its file without the ending.
 */

/** A sample that waits for something in vain fails by this. */
const RUN_TIMEOUT_MS = 30_000;

const STRICT_ENOUGH = {
  composite: false,
  declaration: false,
  sourceMap: false,
  incremental: false,
  allowJs: true,
  checkJs: true,
  // A sample is short: what it makes, the reader goes on to use.
  noUnusedLocals: false,
  noUnusedParameters: false,
  moduleDetection: 'force',
};

/**
 * What the docs show is right: marked code compiles against the built packages, and runs where it says so; links to
 * files lead somewhere; each package has a README with at least one marked block.
 *
 * @type {import('../lib/result.mjs').Check}
 */
export async function checkDocs(root) {
  const pages = markdownFiles(root).map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }));
  const blocks = pages.flatMap(({ file, text }) => markedBlocks(file, text));
  const links = pages.flatMap(({ file, text }) =>
    relativeLinks(text)
      .filter(({ target }) => !existsSync(join(root, dirname(file), target)))
      .map(({ line, target }) => `${file}:${line}: ${target} does not exist`),
  );
  const samples = blocks.map((block, index) => ({ ...block, id: `sample-${index + 1}` }));
  const problems = [...readmeProblems(root, blocks), ...links, ...(await sampleProblems(root, samples))];
  const runs = blocks.filter((block) => block.runs).length;
  return fromProblems(problems, `${pages.length} pages, ${blocks.length} blocks checked, ${runs} run`);
}

/** @param {string} root */
function markdownFiles(root) {
  const docs = existsSync(join(root, 'docs'))
    ? readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    : [];
  const atRoot = readdirSync(root).filter((name) => name.endsWith('.md'));
  const readmes = listPackages(root).map(({ name }) => `packages/${name}/README.md`);
  const pages = docs.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`);
  const files = [...atRoot, ...pages, 'examples/README.md', ...readmes];
  return files.filter((file) => existsSync(join(root, file)));
}

/**
 * @param {string} root
 * @param {readonly Block[]} blocks
 */
function readmeProblems(root, blocks) {
  return listPackages(root).flatMap(({ name, manifest }) => {
    const file = `packages/${name}/README.md`;
    if (!existsSync(join(root, file))) return [`${file} is missing`];
    // Nobody outside can import a private package: what its README shows is for those who work on it.
    if (manifest.private === true || blocks.some((block) => block.file === file)) return [];
    return [`${file} has no checked code: mark a block with \`\`\`ts check or \`\`\`ts run`];
  });
}

/**
 * @param {string} root
 * @param {readonly Sample[]} samples
 */
async function sampleProblems(root, samples) {
  if (samples.length === 0) return [];
  mkdirSync(join(root, '.tmp'), { recursive: true });
  const scratch = mkdtempSync(join(root, '.tmp', 'docs-'));
  try {
    writeProject(root, scratch, samples);
    const compiling = await runNode(BIN.tsc, ['-p', scratch, '--pretty', 'false'], { cwd: scratch });
    const errors = compiling.code === 0 ? [] : [inTermsOfTheDocs(compiling.output.trimEnd(), samples)];
    /** @type {string[]} */
    const failures = [];
    const compiled = samples.filter(({ id, runs }) => runs && existsSync(join(scratch, 'out', `${id}.js`)));
    for (const sample of compiled) failures.push(...(await runSample(scratch, sample)));
    return [...errors, ...failures];
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * A project of which each sample is a module, and which has the packages installed. The code stands on the same lines as
 * in the page, so that the compiler's messages point into the page.
 *
 * @param {string} root
 * @param {string} scratch
 * @param {readonly Sample[]} samples
 */
function writeProject(root, scratch, samples) {
  writeFileSync(join(scratch, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  const base = relative(scratch, join(ROOT, 'tsconfig.base.json'));
  const options = {
    ...STRICT_ENOUGH,
    outDir: 'out',
    rootDir: 'src',
    typeRoots: [join(ROOT, 'node_modules', '@types')],
  };
  const config = { extends: base, compilerOptions: options, include: ['src'] };
  writeFileSync(join(scratch, 'tsconfig.json'), JSON.stringify(config));
  mkdirSync(join(scratch, 'node_modules', '@kwik'), { recursive: true });
  for (const { dir, manifest } of listPackages(root)) symlinkSync(dir, join(scratch, 'node_modules', manifest.name));
  mkdirSync(join(scratch, 'src'));
  for (const { id, language, line, code } of samples) {
    writeFileSync(join(scratch, 'src', `${id}.${language}`), '\n'.repeat(line - 1) + code + '\n');
  }
}

/**
 * @param {string} scratch
 * @param {Sample} sample
 */
async function runSample(scratch, { id, file, line }) {
  const { code, output } = await run(process.execPath, [join(scratch, 'out', `${id}.js`)], {
    cwd: scratch,
    timeoutMs: RUN_TIMEOUT_MS,
  });
  if (code === 0) return [];
  const what = code === 128 ? `did not end within ${RUN_TIMEOUT_MS / 1000} s` : `ended with status ${code}`;
  return [`${file}:${line}: the sample ${what}\n${output.trimEnd()}`];
}

/**
 * @param {string} output
 * @param {readonly Sample[]} samples
 */
function inTermsOfTheDocs(output, samples) {
  const files = new Map(samples.map(({ id, file, language }) => [`src/${id}.${language}`, file]));
  return output.replace(/src\/sample-\d+\.(ts|js)/g, (path) => files.get(path) ?? path);
}
