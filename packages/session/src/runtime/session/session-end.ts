import { KwikError } from '@kwik/wire';
import type { CloseInfo } from '../../api/session.js';
import type { Farewell } from './farewell.js';

/** An end, and whether the peers are to be told of it. */
export interface End {
  readonly info: CloseInfo;
  readonly tellPeers: boolean;
}

/** Whether a session goes on: it does, it is being closed here, or it has ended. */
export class SessionEnd {
  /** Resolves once, whatever the reason; never rejects. */
  readonly closed: Promise<CloseInfo>;
  readonly #resolve: (info: CloseInfo) => void;
  #info: CloseInfo | undefined;
  #farewell: Farewell | undefined;
  #heard: End | undefined;

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

  /** How it ends after this turn, because the other end said so. */
  get heard(): End | undefined {
    return this.#heard;
  }

  /** The other end has ended it; who was about to end it here has ended it, too. */
  hear(info: CloseInfo, tellPeers: boolean): void {
    const own = this.#farewell?.info;
    this.#heard ??= { info: own !== undefined && info.error === undefined ? own : info, tellPeers };
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
