import type { CliIo } from '../io.js';
import { Screen } from './screen.js';
import { styleFor, type Style } from './style.js';
import { renderPlain, renderTransfer, type TransferView } from './transfer-view.js';

/** Ten drawings a second look alive and cost nothing; logs want a line a second at most. */
const DRAW_INTERVAL_MS = 100;
const PLAIN_INTERVAL_MS = 1000;

/** Shows a transfer until it is stopped: in place on a terminal, else a line now and then. */
export class LiveTransfer {
  readonly style: Style;
  readonly #io: CliIo;
  readonly #screen: Screen;
  readonly #view: () => TransferView | undefined;
  readonly #stopTimer: () => void;

  /** `view` is asked for each drawing, and is the place to sample what it shows. */
  constructor(io: CliIo, view: () => TransferView | undefined) {
    this.#io = io;
    this.#view = view;
    this.style = styleFor(io.stderr, io.env);
    this.#screen = new Screen(io.stderr, this.style);
    this.#stopTimer = io.every(this.style.live ? DRAW_INTERVAL_MS : PLAIN_INTERVAL_MS, () => this.#show());
  }

  log(line: string): void {
    this.#screen.log(line);
    if (this.style.live) this.#show();
  }

  /** `keep` leaves the last state of the view on the terminal. */
  stop(keep: boolean): void {
    this.#stopTimer();
    if (!keep) return this.#screen.clear();
    if (this.style.live) this.#show();
    this.#screen.finish();
  }

  #show(): void {
    const view = this.#view();
    if (view === undefined) return;
    if (this.style.live) this.#screen.draw(renderTransfer(view, this.#io.stderr.columns() - 1, this.style));
    else this.#io.stderr.print(`${renderPlain(view)}\n`);
  }
}
