import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Application } from 'typedoc';
import { runNode } from '../lib/run.mjs';
import { ROOT, entryPoints, listPackages } from '../lib/workspace.mjs';
import { sideBar, siteConfig } from './config.mjs';
import { pagePlaces, stagePages } from './stage.mjs';
import { STYLE, THEME } from './theme.mjs';

const VITEPRESS = 'node_modules/vitepress/bin/vitepress.js';

/**
 * Builds the site: pages by VitePress, which reports links that lead nowhere, and the reference of the API by typedoc.
 *
 * @param {string} root
 * @param {string} out Made anew.
 * @param {{ api?: boolean }} [options] Without `api`, only the pages.
 * @returns {Promise<{ problems: string[], pages: number }>}
 */
export async function buildSite(root, out, { api = true } = {}) {
  mkdirSync(join(root, '.tmp'), { recursive: true });
  const scratch = mkdtempSync(join(root, '.tmp', 'site-'));
  try {
    const pages = [...pagePlaces(root).values()].map((place) => place.replace(/\.md$/, '')).sort();
    rmSync(out, { recursive: true, force: true });
    const problems = await buildPages(root, scratch, out, pages);
    if (api) problems.push(...(await buildApi(root, scratch, join(out, 'api'))));
    return { problems, pages: pages.length };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** @param {string} root @param {string} scratch @param {string} out @param {readonly string[]} pages */
async function buildPages(root, scratch, out, pages) {
  const source = join(scratch, 'pages');
  stagePages(root, source);
  const sidebar = sideBar(pages, titlesOf(source, pages));
  const settings = join(scratch, '.vitepress');
  mkdirSync(join(settings, 'theme'), { recursive: true });
  const config = siteConfig({ source: './pages', out, cache: join(scratch, 'cache'), sidebar });
  writeFileSync(join(settings, 'config.mjs'), `export default ${literal(config)};\n`);
  writeFileSync(join(settings, 'theme', 'index.js'), THEME);
  writeFileSync(join(settings, 'theme', 'style.css'), STYLE);
  writeFileSync(join(scratch, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  symlinkSync(join(ROOT, 'node_modules'), join(scratch, 'node_modules'));
  const { code, output } = await runNode(VITEPRESS, ['build', scratch], { cwd: scratch });
  return code === 0 && existsSync(join(out, 'index.html')) ? [] : [output.trimEnd().split('\n').slice(-40).join('\n')];
}

/** JSON, and the regular expressions that VitePress wants. @param {object} config */
function literal(config) {
  return JSON.stringify(config, (_key, value) => (value instanceof RegExp ? `regexp:${value.source}` : value)).replace(
    /"regexp:((?:[^"\\]|\\.)*)"/g,
    (_whole, source) => `/${JSON.parse(`"${source}"`)}/`,
  );
}

/** @param {string} source @param {readonly string[]} pages @returns {Map<string, string>} */
function titlesOf(source, pages) {
  return new Map(
    pages.map((page) => {
      const text = readFileSync(join(source, `${page}.md`), 'utf8');
      return [page, /^# (.+)$/m.exec(text)?.[1]?.replaceAll('`', '') ?? page];
    }),
  );
}

/**
 * From the declarations that users get, so the packages must be built.
 *
 * @param {string} root @param {string} scratch @param {string} out
 */
async function buildApi(root, scratch, out) {
  const packages = listPackages(root).filter(({ manifest }) => manifest.private !== true);
  const entries = packages.flatMap(({ dir, manifest }) =>
    entryPoints(manifest).map(({ specifier, source }) => ({
      specifier,
      file: join(dir, source.replace(/^src/, 'dist').replace(/\.ts$/, '.d.ts')),
    })),
  );
  const tsconfig = join(scratch, 'tsconfig.json');
  const compilerOptions = { composite: false, noEmit: true, typeRoots: [join(root, 'node_modules', '@types')] };
  const files = entries.map(({ file }) => file);
  writeFileSync(tsconfig, JSON.stringify({ extends: join(root, 'tsconfig.base.json'), compilerOptions, files }));
  const application = await Application.bootstrap({
    ...{ entryPoints: files, tsconfig, name: 'KWIK: the API', readme: 'none', titleLink: '../index.html' },
    ...{ skipErrorChecking: true, disableSources: true, hideGenerator: true, githubPages: false, logLevel: 'Error' },
    // Comments name functions that nobody outside sees.
    validation: { notExported: false, invalidLink: false, rewrittenLink: false, notDocumented: false },
  });
  const project = await application.convert();
  if (project === undefined) return ['typedoc could not read the packages'];
  // It knows them by their files.
  for (const [index, child] of (project.children ?? []).entries()) child.name = entries[index]?.specifier ?? child.name;
  await application.generateDocs(project, out);
  return existsSync(join(out, 'index.html')) ? [] : ['typedoc wrote nothing'];
}
