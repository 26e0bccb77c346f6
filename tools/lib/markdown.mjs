/**
 * A fenced block of code that the docs promise to be right.
 *
 * @typedef {object} Block
 * @property {string} file Path of the Markdown file, relative to the root.
 * @property {number} line Number of the first line of code, from 1.
 * @property {'ts' | 'js'} language
 * @property {boolean} runs Whether it is also executed.
 * @property {string} code
 */

const OPEN = /^(?<indent> {0,3})(?<fence>`{3,}|~{3,})(?<info>.*)$/;
const LANGUAGES = /** @type {Readonly<Record<string, 'ts' | 'js'>>} */ ({
  ts: 'ts',
  typescript: 'ts',
  js: 'js',
  mjs: 'js',
  javascript: 'js',
});

/**
 * The blocks marked ```` ```ts check ```` or ```` ```ts run ```` (or `js`).
 *
 * @param {string} file
 * @param {string} text
 * @returns {Block[]}
 */
export function markedBlocks(file, text) {
  return fences(text).flatMap(({ info, line, code }) => {
    const [name = '', ...marks] = info.trim().toLowerCase().split(/\s+/);
    const language = LANGUAGES[name];
    const marked = marks.includes('check') || marks.includes('run');
    return language === undefined || !marked ? [] : [{ file, line, language, runs: marks.includes('run'), code }];
  });
}

/**
 * Links to files of the repository, without their fragment. Code is skipped.
 *
 * @param {string} text
 * @returns {{ line: number, target: string }[]}
 */
export function relativeLinks(text) {
  const fenced = new Set(fences(text).flatMap(({ line, code }) => code.split('\n').map((_, index) => line + index)));
  return text.split('\n').flatMap((content, index) => {
    if (fenced.has(index + 1)) return [];
    const prose = content.replace(/`[^`]*`/g, '');
    return [...prose.matchAll(/\]\(\s*<?([^)\s>]+)/g)]
      .map((match) => match[1]?.replace(/[#?].*$/, '') ?? '')
      .filter((target) => target !== '' && !/^[a-z][a-z0-9+.-]*:/i.test(target))
      .map((target) => ({ line: index + 1, target: decodeURI(target) }));
  });
}

/**
 * All fenced blocks. A block ends at a fence of the same kind that is at least as long (CommonMark, section 4.5).
 *
 * @param {string} text
 */
function fences(text) {
  /** @type {{ info: string, line: number, code: string }[]} */
  const found = [];
  const lines = text.split('\n');
  for (let index = 0; index < lines.length; index++) {
    const open = OPEN.exec(lines[index] ?? '')?.groups;
    if (open?.['fence'] === undefined) continue;
    const close = new RegExp(`^ {0,3}${open['fence'][0]}{${open['fence'].length},}\\s*$`);
    const first = index + 1;
    while (++index < lines.length && !close.test(lines[index] ?? ''));
    found.push({ info: open['info'] ?? '', line: first + 1, code: lines.slice(first, index).join('\n') });
  }
  return found;
}
