import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import vm from 'node:vm';
import ts from 'typescript';
import { ROOT } from '../lib/workspace.mjs';

const OPTIONS = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true };

/**
 * A realm that has what ECMAScript has, and nothing of Node or of browsers, for modules of the packages. It loads their
 * TypeScript sources, and what these import of @kwik packages and of the protobuf runtime; anything else is refused.
 */
export class BareContext {
  #context;
  /** @type {Map<string, vm.SourceTextModule>} By the path of the file. */
  #modules = new Map();

  /** @param {Record<string, unknown>} [globals] What the modules find besides. */
  constructor(globals = {}) {
    this.#context = vm.createContext({ ...globals });
  }

  /**
   * The exports of a module.
   *
   * @param {string} path From the root of the checkout.
   * @returns {Promise<any>}
   */
  async load(path) {
    const module = this.#module(join(ROOT, path));
    if (module.status === 'unlinked') {
      await module.link((specifier, { identifier }) => this.#module(resolve(specifier, identifier)));
    }
    await module.evaluate();
    return module.namespace;
  }

  /** @param {string} expression */
  evaluate(expression) {
    return vm.runInContext(expression, this.#context);
  }

  /** @param {string} file */
  #module(file) {
    const known = this.#modules.get(file);
    if (known !== undefined) return known;
    const text = readFileSync(file, 'utf8');
    const code = file.endsWith('.ts') ? ts.transpileModule(text, { compilerOptions: OPTIONS }).outputText : text;
    const module = new vm.SourceTextModule(code, { identifier: file, context: this.#context });
    this.#modules.set(file, module);
    return module;
  }
}

/**
 * @param {string} specifier
 * @param {string} from
 */
function resolve(specifier, from) {
  if (specifier.startsWith('.')) {
    const file = join(dirname(from), specifier);
    const source = file.replace(/\.js$/, '.ts');
    return existsSync(source) ? source : file;
  }
  const own = /^@kwik\/(\w+)$/.exec(specifier)?.[1];
  if (own !== undefined) return join(ROOT, 'packages', own, 'src', 'index.ts');
  // `require` finds the package as its user does, in the form for require.
  if (specifier.startsWith('@bufbuild/')) return createRequire(from).resolve(specifier).replace('/cjs/', '/esm/');
  throw new Error(`${from.slice(ROOT.length + 1)} imports ${specifier}`);
}
