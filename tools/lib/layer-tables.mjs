import { FOLDERS, PACKAGES } from './layers.mjs';

/** The page that shows the layers to people. */
export const LAYERS_PAGE = 'docs/architecture.md';

const BEGIN = '<!-- layers: written by `pnpm layers` -->';
const END = '<!-- /layers -->';

/**
 * The page with the tables as they are now; undefined when it does not say where they stand.
 *
 * @param {string} page
 */
export function withLayerTables(page) {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) return undefined;
  return `${page.slice(0, begin)}${layerTables()}${page.slice(end + END.length)}`;
}

/** The tables in Markdown, laid out as prettier would, between the marks that say where they stand in the page. */
export function layerTables() {
  const packages = Object.entries(PACKAGES).map(([name, { purpose, mayImport }]) => [
    `\`@kwik/${name}\``,
    purpose,
    list(mayImport),
  ]);
  const folders = Object.entries(FOLDERS).map(([name, rows]) =>
    table(
      [`folder of \`@kwik/${name}\``, 'may import'],
      Object.entries(rows).map(([folder, row]) => [code(folder), list(row === 'any' ? row : row.map(code))]),
    ),
  );
  return [BEGIN, table(['package', 'purpose', 'may import'], packages), ...folders, END].join('\n\n');
}

/** @param {readonly string[] | 'any'} row */
const list = (row) => (row === 'any' ? 'any' : row.join(', ') || 'none');

/** @param {string} text */
const code = (text) => `\`${text}\``;

/**
 * @param {readonly string[]} head
 * @param {readonly string[][]} rows
 */
function table(head, rows) {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  /** @param {readonly string[]} cells */
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
