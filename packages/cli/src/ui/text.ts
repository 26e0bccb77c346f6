/** Longest line that is made of text from a peer; more helps nobody. */
const MAX_LINE_CHARACTERS = 500;

// C0 and C1 controls, delete, line and paragraph separators, and the marks that reorder text: what a peer could use to
// move the cursor, recolour the terminal or make a name look like another.
// eslint-disable-next-line no-control-regex -- control characters are what it is about
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;
/** Characters that take two columns in a terminal. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\uff01-\uff60]/u;
const ZERO_WIDTH = /\p{M}|[\u200b-\u200d]|[\ufe00-\ufe0f]/u;

/** Text on one line without anything that a terminal would act on. Names and messages of a peer go through here. */
export function oneLine(text: string, limit = MAX_LINE_CHARACTERS): string {
  const clean = text.replace(UNSAFE, ' ').trim();
  const characters = [...clean];
  return characters.length <= limit ? clean : `${characters.slice(0, limit - 1).join('')}…`;
}

/** JSON on one line in which a peer's text is escaped where a terminal would act on it; it parses to the same. */
export function jsonLine(value: object): string {
  return JSON.stringify(value).replace(UNSAFE, (unsafe) =>
    [...unsafe].map((one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
  );
}

/** Columns that `text` takes; colours do not count as text. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += characterColumns(character);
  return columns;
}

/** Cuts or fills `text` to exactly `width` columns. */
export function fit(text: string, width: number): string {
  const columns = columnsOf(text);
  if (columns <= width) return text + ' '.repeat(width - columns);
  return width < 2 ? ' '.repeat(Math.max(0, width)) : `${cut(text, width - 1)}…`;
}

/** Cuts what is longer than `width` columns. */
export function cutTo(text: string, width: number): string {
  return columnsOf(text) <= width ? text : fit(text, width);
}

/** Breaks a long line at spaces; what follows is indented as it is. */
export function wrapped(text: string, width: number): string[] {
  const indent = /^ */u.exec(text)?.[0] ?? '';
  const lines: string[] = [];
  let line = '';
  for (const word of text.trim().split(' ')) {
    if (line !== '' && columnsOf(indent) + columnsOf(line) + 1 + columnsOf(word) > width) {
      lines.push(indent + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, indent + line];
}

/** As much of `text` as fits, filled up with spaces to `width` columns. */
function cut(text: string, width: number): string {
  let taken = '';
  let columns = 0;
  for (const character of text) {
    const next = columns + characterColumns(character);
    if (next > width) break;
    taken += character;
    columns = next;
  }
  return taken + ' '.repeat(width - columns);
}

function characterColumns(character: string): number {
  if (ZERO_WIDTH.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
