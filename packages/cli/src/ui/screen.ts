import type { Output } from '../io.js';
import type { Style } from './style.js';

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const ERASE_BELOW = '\u001b[0J';

/** A few lines at the bottom of the terminal that are drawn anew in place, and lines above them that stay. */
export class Screen {
  readonly #output: Output;
  readonly #style: Style;
  #drawn = 0;
  #cursorHidden = false;

  constructor(output: Output, style: Style) {
    this.#output = output;
    this.#style = style;
  }

  /** Replaces the lines that were drawn before. Does nothing where nothing can be drawn in place. */
  draw(lines: readonly string[]): void {
    if (!this.#style.live) return;
    const hide = this.#cursorHidden ? '' : HIDE_CURSOR;
    this.#cursorHidden = true;
    this.#output.print(`${hide}${this.#toTop()}${ERASE_BELOW}${lines.map((line) => `${line}\n`).join('')}`);
    this.#drawn = lines.length;
  }

  /** A line that stays, above the drawn ones; they come back with the next `draw`. */
  log(line: string): void {
    this.#output.print(`${this.#toTop()}${this.#drawn > 0 ? ERASE_BELOW : ''}${line}\n`);
    this.#drawn = 0;
  }

  /** Leaves the last drawing where it is and gives the cursor back. */
  finish(): void {
    if (this.#cursorHidden) this.#output.print(SHOW_CURSOR);
    this.#cursorHidden = false;
    this.#drawn = 0;
  }

  /** Erases the last drawing and gives the cursor back. */
  clear(): void {
    if (this.#drawn > 0) this.#output.print(`${this.#toTop()}${ERASE_BELOW}`);
    this.finish();
  }

  #toTop(): string {
    return this.#drawn === 0 ? '' : `\r\u001b[${this.#drawn}A`;
  }
}
