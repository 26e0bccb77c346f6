import { createHash } from 'node:crypto';
import type { Block, Document } from './document.js';

const STYLE = `
:root { color-scheme: light dark; --line: #d5d8de; --soft: #f4f5f7; --good: #1a7f37; --bad: #b42318; --missing: #8a5a00; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a3f47; --soft: #1e2228; --good: #57c26f; --bad: #ff8a80; --missing: #e3b341; }
}
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.7rem; margin: 0 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 0.6rem; padding-top: 0.8rem; border-top: 1px solid var(--line); }
p, ul { margin: 0.6rem 0; }
p.good, p.bad, p.missing { padding: 0.45rem 0.8rem; background: var(--soft); border-left: 4px solid; overflow-wrap: anywhere; }
p.good { border-color: var(--good); }
p.bad { border-color: var(--bad); }
p.missing { border-color: var(--missing); }
div { overflow-x: auto; margin: 0.8rem 0; }
table { border-collapse: collapse; min-width: 50%; font-size: 0.87rem; }
th, td { text-align: left; vertical-align: top; padding: 0.35rem 1.5rem 0.35rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; white-space: nowrap; }
td { overflow-wrap: anywhere; min-width: 4.5rem; }
td.time { white-space: nowrap; }
td.id { font-family: ui-monospace, monospace; font-size: 0.92em; }
@media print { body { margin: 0; max-width: none; font-size: 11px; } tr, p { break-inside: avoid; } }
`;
const TONES = { good: '', missing: 'Not given: ', bad: 'Problem: ' } as const;

/**
 * One page that loads nothing and runs nothing: its policy lets a browser use this style sheet and no more, so that even text
 * that was not escaped could do nothing.
 */
export function toHtml({ title, blocks }: Document): string {
  const style = createHash('sha256').update(STYLE).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${style}'; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
${blocks.map(blockHtml).join('\n')}
</body>
</html>
`;
}

function blockHtml(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `<h2>${escaped(block.text)}</h2>`;
    case 'paragraph':
      return `<p>${escaped(block.text)}</p>`;
    case 'notice':
      return `<p class="${block.tone}">${TONES[block.tone]}${escaped(block.text)}</p>`;
    case 'list':
      return `<ul>${block.items.map((item) => `<li>${escaped(item)}</li>`).join('')}</ul>`;
    case 'table':
      return tableHtml(block.columns, block.rows);
  }
}

function tableHtml(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = columns.map((column) => `<th scope="col">${escaped(column)}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map(cellHtml).join('')}</tr>`).join('\n');
  return `<div><table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body}\n</tbody>\n</table></div>`;
}

function cellHtml(cell: string): string {
  if (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/u.test(cell)) return `<td class="time">${cell}</td>`;
  if (/^[0-9a-f]{32,}$/u.test(cell)) return `<td class="id">${cell}</td>`;
  return `<td>${escaped(cell)}</td>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/gu, (character) => ENTITIES[character] ?? '');
}
