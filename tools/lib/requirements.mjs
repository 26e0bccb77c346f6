import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The page that says by which tests each row of the session plan is shown. */
export const REQUIREMENTS = 'docs/requirements.md';

/** How many rows K1 to K14 have; K14 is one row. */
const ROWS = [4, 5, 7, 6, 5, 6, 5, 5, 5, 5, 5, 5, 5];
const LAST_ROW = 'K14';

const TEST_FILE = /\.test\.(?:ts|mjs)$/;

/**
 * One row of a table: its first cell, and what its last cell refers to.
 *
 * @typedef {object} Row
 * @property {number} line From 1.
 * @property {string} name
 * @property {readonly string[]} spans The code spans of the last cell, in order.
 */

/**
 * What is wrong with the page: a row of the plan that it lacks, a row that nothing shows, a test that is not there.
 *
 * @param {string} root
 * @returns {string[]}
 */
export function requirementProblems(root) {
  if (!existsSync(join(root, REQUIREMENTS))) return [`${REQUIREMENTS} is missing`];
  const rows = tableRows(readFileSync(join(root, REQUIREMENTS), 'utf8'));
  const shown = new Set(rows.flatMap(({ name }) => rowNames(name)));
  const missing = allRows().filter((row) => !shown.has(row));
  return [
    ...missing.map((row) => `${REQUIREMENTS}: no row for ${row}`),
    ...rows.flatMap((row) => rowProblems(root, row).map((problem) => `${REQUIREMENTS}:${row.line}: ${problem}`)),
  ];
}

/**
 * What is wrong with the last columns of a page's tables where they name tests: of the readiness page, say.
 *
 * @param {string} root
 * @param {string} page
 * @returns {string[]}
 */
export function evidenceProblems(root, page) {
  const rows = tableRows(readFileSync(join(root, page), 'utf8')).filter(({ spans }) =>
    spans.some((span) => TEST_FILE.test(span)),
  );
  return rows.flatMap((row) => rowProblems(root, row).map((problem) => `${page}:${row.line}: ${problem}`));
}

/**
 * The rows of each section of the page, and how many tests are named for them.
 *
 * @param {string} root
 * @returns {{ section: string, rows: number, tests: number }[]}
 */
export function evidenceSummary(root) {
  const text = readFileSync(join(root, REQUIREMENTS), 'utf8');
  return text
    .split(/^## /m)
    .slice(1)
    .map((part) => {
      const rows = tableRows(part);
      const tests = rows.flatMap(({ spans }) => spans).filter((span) => !TEST_FILE.test(span));
      return { section: part.split('\n', 1)[0] ?? '', rows: rows.length, tests: tests.length };
    });
}

function allRows() {
  const numbered = ROWS.flatMap((count, index) =>
    Array.from({ length: count }, (_, sub) => `K${index + 1}.${sub + 1}`),
  );
  return [...numbered, LAST_ROW];
}

/**
 * `K3.2–3.4` is three rows.
 *
 * @param {string} name
 */
function rowNames(name) {
  const match = /^K(?<row>\d+)(?:\.(?<from>\d+)(?:–\d+\.(?<to>\d+))?)?$/.exec(name)?.groups;
  if (match === undefined) return [];
  if (match['from'] === undefined) return [name];
  const from = Number(match['from']);
  const to = Number(match['to'] ?? from);
  return Array.from({ length: to - from + 1 }, (_, index) => `K${match['row']}.${from + index}`);
}

/**
 * The rows of all tables, without their heads.
 *
 * @param {string} text
 * @returns {Row[]}
 */
function tableRows(text) {
  const lines = text.split('\n');
  return lines.flatMap((content, index) => {
    const isRow = content.startsWith('|') && !/^\| ?-/.test(content) && !/^\| ?-/.test(lines[index + 1] ?? '');
    if (!isRow) return [];
    const cells = content.split('|').slice(1, -1);
    const spans = [...(cells.at(-1) ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
    return [{ line: index + 1, name: cells[0]?.trim() ?? '', spans }];
  });
}

/**
 * @param {string} root
 * @param {Row} row
 */
function rowProblems(root, { name, spans }) {
  /** @type {string[]} */
  const problems = [];
  /** @type {{ file: string, text: string | undefined, tests: number }[]} */
  const files = [];
  let proofs = 0;
  for (const span of spans) {
    const file = files.at(-1);
    if (TEST_FILE.test(span)) {
      const path = join(root, span);
      files.push({ file: span, text: existsSync(path) ? readFileSync(path, 'utf8') : undefined, tests: 0 });
    } else if (span.startsWith('pnpm ')) {
      proofs++;
      if (!hasScript(root, span)) problems.push(`package.json has no script for \`${span}\``);
    } else if (file === undefined) {
      problems.push(`\`${span}\` stands before any test file`);
    } else {
      proofs++;
      file.tests++;
      if (file.text !== undefined && !hasTitle(file.text, span)) problems.push(`${file.file} has no test "${span}"`);
    }
  }
  for (const { file, text, tests } of files) {
    if (text === undefined) problems.push(`${file} does not exist`);
    if (tests === 0) problems.push(`no test of ${file} is named`);
  }
  if (proofs === 0) problems.push(`nothing shows ${name}`);
  return problems;
}

/**
 * Whether a string in the file is the title, or begins with it.
 *
 * @param {string} text
 * @param {string} title
 */
function hasTitle(text, title) {
  const plain = text.replace(/\\(['"`])/g, '$1');
  return ["'", '"', '`'].some((quote) => plain.includes(quote + title));
}

/**
 * @param {string} root
 * @param {string} command `pnpm NAME …`
 */
function hasScript(root, command) {
  const { scripts = {} } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return Object.hasOwn(scripts, command.split(' ')[1] ?? '');
}
