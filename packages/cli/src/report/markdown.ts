import type { Block, Document } from './document.js';

const TONES = { good: '', missing: 'Not given: ', bad: 'Problem: ' } as const;

/** CommonMark with the tables of GitHub. No text of a peer becomes a link, an image, HTML or a further cell. */
export function toMarkdown({ title, blocks }: Document): string {
  return `${[`# ${escaped(title)}`, ...blocks.map(blockText)].join('\n\n')}\n`;
}

function blockText(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `## ${escaped(block.text)}`;
    case 'paragraph':
      return escaped(block.text);
    case 'notice':
      return `**${TONES[block.tone]}${escaped(block.text)}**`;
    case 'list':
      return block.items.map((item) => `- ${escaped(item)}`).join('\n');
    case 'table':
      return [block.columns.map(escaped), block.columns.map(() => '---'), ...block.rows.map((row) => row.map(escaped))]
        .map((cells) => `| ${cells.join(' | ')} |`)
        .join('\n');
  }
}

/** What begins markup within a line, what would begin a block at its start, and what becomes a link without any markup. */
function escaped(text: string): string {
  return text
    .replace(/\s+/gu, ' ')
    .replace(/[\\`*_{}[\]<>|~&!$]/gu, '\\$&')
    .replace(/^(?=[+-](?:\s|$)|#{1,6}(?:\s|$)|-+$|=+$)/u, '\\')
    .replace(/^(\d+)(?=[.)](?:\s|$))/u, '$1\\')
    .replace(/:(?=\/\/)/gu, '\\:')
    .replace(/www\./giu, (found) => `${found.slice(0, 3)}\\.`);
}
