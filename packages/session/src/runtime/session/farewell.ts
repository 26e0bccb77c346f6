import type { TimerHandle } from '@kwik/wire';
import type { CloseInfo } from '../../api/session.js';
import type { SessionContext } from '../features/session-context.js';
import type { PathRuntime } from '../paths/path-runtime.js';

/** How long, when all is delivered, for the peer to hear the last acknowledgements: that, or some round trips. */
const LAST_WORD_MS = 500;
const LAST_WORD_RTTS = 4;

/** What the farewell needs of its session. */
export interface FarewellHost {
  schedule(delayMs: number, action: () => void): TimerHandle;
  /** The peer's session has not acknowledged all that was handed over. */
  undelivered(): boolean;
  /** Paths to the other end of the session's streams. */
  paths(): Iterable<PathRuntime>;
  finish(): void;
}

/** Of a session that ends with `info`. */
export function farewellHostOf(session: SessionContext, info: CloseInfo): FarewellHost {
  return {
    schedule: (delayMs, action) => session.clock.schedule(delayMs, action),
    undelivered: () => session.streams.undelivered,
    paths: () => [...session.paths.values()].filter(({ data }) => data.toPeer),
    finish: () => session.finish(info, true),
  };
}

/**
 * The graceful end of a session: what was written is delivered, and the peer has the acknowledgements of what it has
 * delivered, so that both ends know the same of each stream. Then the end is told. A TCP socket that lingers does the like.
 *
 * The second half takes one exchange: acknowledgements are not acknowledged, and the notice of the end travels on a stream
 * of its own, so it may overtake them. A packet that the peer answers goes behind them.
 */
export class Farewell {
  readonly info: CloseInfo;
  readonly #host: FarewellHost;
  readonly #asked = new Set<PathRuntime>();
  #timer: TimerHandle;
  #lastWord = false;

  constructor(info: CloseInfo, timeoutMs: number, host: FarewellHost) {
    this.info = info;
    this.#host = host;
    this.#timer = host.schedule(timeoutMs, () => host.finish());
  }

  /** Call after every turn of the session. It has ended when that is `over`. */
  check(): 'waits' | 'over' {
    if (!this.#lastWord) {
      if (this.#host.undelivered()) return 'waits';
      this.#lastWord = true;
      this.#timer.cancel();
      this.#timer = this.#host.schedule(lastWordMs(this.#host.paths()), () => this.#host.finish());
      for (const path of this.#host.paths()) {
        // A peer that sent nothing waits for no acknowledgement.
        if (path.data.acks.largest === undefined && path.data.sent.count === 0) continue;
        this.#asked.add(path);
        path.ask();
      }
    }
    for (const path of this.#asked) {
      if (path.alive && (path.data.hasPendingFrames || path.data.sent.count > 0)) return 'waits';
    }
    this.#host.finish();
    return 'over';
  }

  /** All is delivered: if the peer is lost now, nothing is. */
  get isLastWord(): boolean {
    return this.#lastWord;
  }

  end(): void {
    this.#timer.cancel();
  }
}

function lastWordMs(paths: Iterable<PathRuntime>): number {
  let ms = LAST_WORD_MS;
  for (const { rttMs } of paths) ms = Math.max(ms, LAST_WORD_RTTS * rttMs);
  return ms;
}
