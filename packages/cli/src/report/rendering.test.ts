import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { bad, good, heading, list, missing, paragraph, table, type Block } from './document.js';
import { toHtml } from './html.js';
import { toMarkdown } from './markdown.js';

const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '</style><script>alert(1)</script>',
  '&lt;b&gt; &amp; &#60;',
  '[a](javascript:alert(1)) ![b](https://evil.example/x.png)',
  'https://evil.example www.evil.example',
  'a | b || c',
  '`code` **bold** _it_ ~~s~~ \\',
];
const blocksOf = (text: string): Block[] => [
  heading(text),
  paragraph(text),
  good(text),
  missing(text),
  bad(text),
  list([text]),
  table([text, 'b'], [[text, 'b']]),
];

describe('HTML', () => {
  test.each(HOSTILE)('has %s as text, wherever it stands', (text) => {
    const html = toHtml({ title: text, blocks: blocksOf(text) });
    const plain = toHtml({ title: 'x', blocks: blocksOf('x') });
    const tags = (page: string): string[] => page.match(/<[^>]*>/gu) ?? [];
    expect(tags(html)).toEqual(tags(plain));
    // In each of the places, as a browser reads it.
    const shown = html
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'");
    expect(shown.replaceAll('&amp;', '&').split(text)).toHaveLength(11);
  });

  test('loads nothing, runs nothing, and its policy allows its own style sheet alone', () => {
    const html = toHtml({ title: 'x', blocks: blocksOf('y') });
    const [, style = ''] = /<style>([\s\S]*?)<\/style>/u.exec(html) ?? [];
    const hash = createHash('sha256').update(style).digest('base64');
    expect(html).toContain(
      `content="default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'"`,
    );
    expect(html).not.toMatch(/<script|<link|<img|src=|href=|url\(|@import|style="/u);
    // It holds for what comes after it only.
    expect(html.indexOf('Content-Security-Policy')).toBeLessThan(html.indexOf('<style>'));
  });
});

describe('Markdown', () => {
  test.each(HOSTILE)('has %s as text: no HTML, link, image or further cell', (text) => {
    const markdown = toMarkdown({ title: text, blocks: blocksOf(text) });
    const bare = markdown.replace(/\\[\s\S]/gu, '');
    expect(bare).not.toMatch(/[<>`[\]]|:\/\/|www\./u);
    const rows = markdown.split('\n').filter((line) => line.startsWith('| '));
    for (const row of rows) expect(row.replace(/\\[\s\S]/gu, '').split('|')).toHaveLength(4);
  });

  test.each(['# a', '- a', '+ a', '1. a', '2) a', '---', '==='])('text that begins as %j begins no block', (text) => {
    expect(toMarkdown({ title: 'x', blocks: [paragraph(text)] }).split('\n')[2]).toMatch(/^\d*\\/u);
  });

  test('leaves alone what is no markup, and has a paragraph on one line', () => {
    const lines = toMarkdown({ title: 'x', blocks: [paragraph('127.0.0.1:443, --pin, 0.5 %\n# no')] }).split('\n');
    expect(lines[2]).toBe('127.0.0.1:443, --pin, 0.5 % # no');
  });
});
