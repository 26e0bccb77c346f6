import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * A tree of files to hand to a check. An object stands for JSON.
 *
 * @param {Record<string, string | object>} files Content by path.
 * @returns {{ root: string, put: (path: string, content: string | object) => void, remove: () => void }}
 */
export function makeTree(files) {
  const root = mkdtempSync(join(tmpdir(), 'kwik-tree-'));
  /**
   * @param {string} path
   * @param {string | object} content
   */
  const put = (path, content) => {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content));
  };
  for (const [path, content] of Object.entries(files)) put(path, content);
  return { root, put, remove: () => rmSync(root, { recursive: true, force: true }) };
}

/**
 * The files of a package that has one module and passes the checks, and the manifest entries that tests want changed.
 *
 * @param {string} name
 * @param {{ dependencies?: Record<string, string>, source?: string }} [options]
 */
export function packageFiles(name, { dependencies = {}, source = 'export const one = 1;\n' } = {}) {
  const references = Object.keys(dependencies).map((each) => ({ path: each.replace('@kwik/', '../') }));
  return {
    [`packages/${name}/package.json`]: {
      name: `@kwik/${name}`,
      version: '1.0.0',
      license: 'MIT',
      type: 'module',
      exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
      files: ['dist'],
      dependencies,
    },
    [`packages/${name}/tsconfig.json`]: { references },
    [`packages/${name}/LICENSE`]: 'MIT\n',
    [`packages/${name}/README.md`]: `# ${name}\n\n\`\`\`ts check\nimport '@kwik/${name}';\n\`\`\`\n`,
    [`packages/${name}/src/index.ts`]: source,
    [`packages/${name}/dist/index.js`]: 'export const one = 1;\n',
    [`packages/${name}/dist/index.d.ts`]: 'export declare const one = 1;\n',
  };
}

/**
 * Installs packages of the tree into one another, as pnpm does.
 *
 * @param {string} root
 * @param {Record<string, readonly string[]>} dependencies
 */
export function link(root, dependencies) {
  for (const [name, others] of Object.entries(dependencies)) {
    mkdirSync(join(root, 'packages', name, 'node_modules', '@kwik'), { recursive: true });
    for (const other of others) {
      symlinkSync(join(root, 'packages', other), join(root, 'packages', name, 'node_modules', '@kwik', other));
    }
  }
}
