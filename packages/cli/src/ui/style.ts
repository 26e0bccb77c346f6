import type { Output } from '../io.js';

/** What the terminal can show. */
export interface Style {
  readonly color: boolean;
  /** Block characters; otherwise # and -. */
  readonly unicode: boolean;
  /** Lines can be drawn anew in place. */
  readonly live: boolean;
}

type Env = Readonly<Record<string, string | undefined>>;

/** https://no-color.org: set and not empty means no colour. A terminal called "dumb" moves no cursor. */
export function styleFor(output: Pick<Output, 'isTty'>, env: Env, platform: NodeJS.Platform = process.platform): Style {
  const live = output.isTty && env['TERM'] !== 'dumb';
  return { live, color: live && (env['NO_COLOR'] ?? '') === '', unicode: hasUnicode(env, platform) };
}

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
export type Paint = keyof typeof CODES;

/** `text` in colour, if the terminal shows colours. Paint last: codes take no columns but `fit` would count them. */
export function paint(style: Pick<Style, 'color'>, text: string, color: Paint | undefined): string {
  return style.color && color !== undefined && text !== '' ? `\u001b[${CODES[color]}m${text}\u001b[0m` : text;
}

/** POSIX order of precedence. Windows terminals of this decade show block characters. */
function hasUnicode(env: Env, platform: NodeJS.Platform): boolean {
  if (platform === 'win32') return true;
  const locale = [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find((value) => value !== undefined && value !== '');
  return locale === undefined ? platform === 'darwin' : /utf-?8/iu.test(locale);
}
