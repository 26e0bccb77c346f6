import { KwikError } from '@kwik/wire';
import type { CloseInfo } from '../../api/session.js';
import type { Farewell } from './farewell.js';

/** Whether a session goes on: it does, it is being closed here, or it has ended. */
export class SessionEnd {
  /** Resolves once, whatever the reason; never rejects. */
  readonly closed: Promise<CloseInfo>;
  readonly #resolve: (info: CloseInfo) => void;
  #info: CloseInfo | undefined;
  #farewell: Farewell | undefined;

  constructor() {
    let settle: (info: CloseInfo) => void = () => undefined;
    this.closed = new Promise((resolve) => (settle = resolve));
    this.#resolve = settle;
  }

  /** How it ended, once it has. */
  get info(): CloseInfo | undefined {
    return this.#info;
  }

  /** It is being closed here, in good order. */
  get farewell(): Farewell | undefined {
    return this.#farewell;
  }

  part(farewell: Farewell): void {
    this.#farewell = farewell;
  }

  /** It has ended; `tell` tells who waits for it. */
  come(info: CloseInfo): void {
    this.#info = info;
    this.#farewell?.end();
  }

  tell(): void {
    if (this.#info !== undefined) this.#resolve(this.#info);
  }

  /** Throws ERR_KWIK_SESSION_CLOSED, or the error that ended the session. */
  assertOpen(): void {
    const info = this.#info;
    if (info === undefined) return;
    const why = info.reason === '' ? '' : `: ${info.reason}`;
    if (info.by === 'error' && info.error !== undefined) {
      throw new KwikError(info.error.code, info.error.message, { cause: info.error });
    }
    throw new KwikError('ERR_KWIK_SESSION_CLOSED', `the session is closed by ${info.by}${why}`, { cause: info.error });
  }

  /** As `assertOpen`, and while the session is being closed nothing new is taken either. */
  assertTakes(): void {
    this.assertOpen();
    if (this.#farewell === undefined) return;
    throw new KwikError('ERR_KWIK_SESSION_CLOSED', 'the session is being closed here; it takes nothing new');
  }
}
