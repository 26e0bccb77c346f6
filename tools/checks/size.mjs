import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { fromProblems } from '../lib/result.mjs';
import { readJson } from '../lib/workspace.mjs';

/** A file is read from top to bottom in one sitting; a function is seen on one screen. */
const MAX_FILE_LINES = 400;
const MAX_FUNCTION_LINES = 60;

const RATCHET = 'tools/size-ratchet.json';
const SOURCE = /\.(ts|mjs)$/;
const LEFT_OUT = /(^|\/)(node_modules|dist|gen|test|test-support|fixtures)(\/|$)|\.test\.(ts|mjs)$|\.d\.ts$/;

/**
 * What is larger than it may be: lines, by `path` for files and by `path#name` for functions.
 *
 * @typedef {Record<string, number>} Oversize
 */

/**
 * No file and no function is larger than the limit, except those in the ratchet, which do not grow.
 *
 * @type {import('../lib/result.mjs').Check}
 */
export async function checkSize(root) {
  const { oversize, files } = measure(root);
  const allowed = readRatchet(root);
  const grown = Object.entries(oversize).flatMap(([key, lines]) => {
    const limit = allowed[key] ?? (key.includes('#') ? MAX_FUNCTION_LINES : MAX_FILE_LINES);
    return lines > limit ? [`${key}: ${lines} lines, ${limit} allowed: split it by mechanism`] : [];
  });
  const shrunk = Object.entries(allowed)
    .filter(([key, lines]) => (oversize[key] ?? 0) < lines)
    .map(([key]) => `${key} is smaller than ${RATCHET} says: run \`pnpm ratchet\``);
  const exceptions = Object.keys(allowed).length;
  return fromProblems([...grown, ...shrunk].sort(), `${files} files, ${exceptions} exceptions`);
}

/**
 * Turns the ratchet: takes out what is within the limits and lowers what shrank. Never adds, never raises.
 *
 * @param {string} root
 */
export function tightenRatchet(root) {
  const { oversize } = measure(root);
  const kept = Object.entries(readRatchet(root)).flatMap(([key, lines]) => {
    const now = oversize[key];
    return now === undefined ? [] : [[key, Math.min(now, lines)]];
  });
  writeFileSync(join(root, RATCHET), `${JSON.stringify(Object.fromEntries(kept), null, 2)}\n`);
}

/**
 * @param {string} root
 * @returns {Oversize}
 */
function readRatchet(root) {
  const file = join(root, RATCHET);
  return existsSync(file) ? readJson(file) : {};
}

/** @param {string} root */
function measure(root) {
  const paths = ['packages', 'tools']
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => list(folder));
  const entries = paths.flatMap((path) => {
    const text = readFileSync(join(root, path), 'utf8');
    const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
    return [...(lines > MAX_FILE_LINES ? [entry(path, lines)] : []), ...oversizeFunctions(path, text)];
  });
  // Two functions of one name in one file: the larger counts.
  entries.sort((a, b) => a[1] - b[1]);
  return { oversize: Object.fromEntries(entries), files: paths.length };

  /**
   * @param {string} folder
   * @returns {string[]}
   */
  function list(folder) {
    return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((item) => {
      const path = `${folder}/${item.name}`;
      if (LEFT_OUT.test(path)) return [];
      if (item.isDirectory()) return list(path);
      return SOURCE.test(path) ? [path] : [];
    });
  }
}

/**
 * @param {string} path
 * @param {string} text
 */
function oversizeFunctions(path, text) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  /** @type {[string, number][]} */
  const found = [];
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body) {
      const first = source.getLineAndCharacterOfPosition(node.getStart()).line;
      const lines = source.getLineAndCharacterOfPosition(node.end).line - first + 1;
      if (lines > MAX_FUNCTION_LINES) found.push(entry(`${path}#${nameOf(node)}`, lines));
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/**
 * @param {string} key
 * @param {number} lines
 * @returns {[string, number]}
 */
const entry = (key, lines) => [key, lines];

/**
 * The name that a reader would look for, with those around it: `PathManager.onAck`.
 *
 * @param {ts.Node} node
 */
function nameOf(node) {
  /** @type {string[]} */
  const names = [];
  for (let each = node; !ts.isSourceFile(each); each = each.parent) {
    const name = /** @type {{ name?: ts.Node }} */ (/** @type {unknown} */ (each)).name;
    if (name !== undefined) names.unshift(name.getText());
    else if (ts.isConstructorDeclaration(each)) names.unshift('constructor');
  }
  return names.join('.') || 'anonymous';
}
