import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { evidenceSummary } from '../lib/requirements.mjs';
import { listPackages } from '../lib/workspace.mjs';

/** Pages that stand outside docs/ on purpose, and where the site has them. */
const ELSEWHERE = {
  'SECURITY.md': 'security-policy.md',
  'CONTRIBUTING.md': 'contributing.md',
  'examples/README.md': 'examples/index.md',
  'examples/interop/README.md': 'examples/interop.md',
};

/**
 * Lays the pages out as the site has them: those of docs/ as they are, the packages' READMEs under packages/. Links between
 * pages follow; a link to a file that the site does not have, a source, becomes its name as code. `docs/` reads well in the
 * repository, and the site needs no outside resource.
 *
 * @param {string} root
 * @param {string} target An empty folder.
 */
export function stagePages(root, target) {
  const places = pagePlaces(root);
  for (const [source, place] of places) {
    const text = readFileSync(join(root, source), 'utf8').replace(EVIDENCE, () => evidenceTable(root));
    write(join(target, place), withLinks(text, { root, source, place, places }));
  }
  copyPictures(join(root, 'docs'), target);
  // The start page names its picture by its address.
  copyPictures(join(root, 'docs'), join(target, 'public'));
}

/**
 * Where the site has each page of the repository.
 *
 * @param {string} root
 * @returns {Map<string, string>}
 */
export function pagePlaces(root) {
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.md'),
  );
  const packages = listPackages(root).filter(({ manifest }) => manifest.private !== true);
  return new Map([
    ...docs.map((name) => /** @type {[string, string]} */ ([`docs/${name}`, name])),
    ...packages.map(
      ({ name }) => /** @type {[string, string]} */ ([`packages/${name}/README.md`, `packages/${name}.md`]),
    ),
    ...Object.entries(ELSEWHERE).filter(([source]) => existsSync(join(root, source))),
  ]);
}

/** Where the readiness page has the sums of the requirements, which are made anew for each build. */
const EVIDENCE = '<!-- evidence -->';
const COMMENT = /^<!--[\s\S]*?-->\n?/gm;
const LINK = /(!?)\[((?:[^\]\\]|\\.)*)\]\(([^)\s]+)\)/g;

/** @typedef {{ root: string, source: string, place: string, places: ReadonlyMap<string, string> }} Page */

/** @param {string} text @param {Page} page */
function withLinks(text, page) {
  // Code is left alone.
  return text
    .split(/(^```[\s\S]*?^```$)/m)
    .map((part) =>
      part.startsWith('```')
        ? withoutMark(part)
        : part.replace(COMMENT, '').replace(LINK, (...match) => link(match, page)),
    )
    .join('');
}

/** @param {string} block `ts check` is for the checks; a reader sees TypeScript. */
function withoutMark(block) {
  return block.replace(/^```(ts|js) (check|run)\n/, '```$1\n');
}

/** @param {string[]} match @param {Page} page */
function link([whole = '', picture = '', label = '', href = ''], { source, place, places, root }) {
  if (/^[a-z]+:|^#|^\//.test(href)) return whole;
  const [path = '', anchor] = href.split('#');
  const file = posix.normalize(posix.join(posix.dirname(source), path)).replace(/\/$/, '');
  if (picture !== '') return whole;
  const folder = places.has(`${file}/README.md`) ? `${file}/README.md` : file;
  const there = places.get(folder);
  if (there === undefined) return existsSync(join(root, file)) ? `${label} (\`${file}\`)` : whole;
  const relative = posix.relative(posix.dirname(place), there);
  return `[${label}](./${relative}${anchor === undefined ? '' : `#${anchor}`})`;
}

/** @param {string} root */
function evidenceTable(root) {
  const rows = evidenceSummary(root).map(({ section, rows, tests }) => `| ${section} | ${rows} | ${tests} |`);
  return ['| section | rows | tests named |', '| --- | --- | --- |', ...rows].join('\n');
}

/** @param {string} from @param {string} to */
function copyPictures(from, to) {
  for (const name of readdirSync(from, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(svg|png)$/.test(name) || !statSync(join(from, name)).isFile()) continue;
    mkdirSync(dirname(join(to, name)), { recursive: true });
    copyFileSync(join(from, name), join(to, name));
  }
}

/** @param {string} file @param {string} text */
function write(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
