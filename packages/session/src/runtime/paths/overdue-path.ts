import type { PathRuntime } from './path-runtime.js';

/** So much longer, and till it falls due again, milliseconds. */
const KEPT_MS = 8000;

/** A path that is silent for so long that it should be given up, and is listened to for a while longer. */
export class OverduePath<P extends Pick<PathRuntime, 'health'>> {
  #path: P | undefined;
  #sinceMs = 0;

  /** The one that is kept. */
  get kept(): P | undefined {
    return this.#path;
  }

  /** Whether the path, which is due, is kept now. One that is set aside or drained is not. */
  keep(path: P, now: number): boolean {
    if (path.health !== 'suspected') return false;
    if (this.#path !== path) this.#sinceMs = now;
    if (now - this.#sinceMs >= KEPT_MS) return false;
    this.#path = path;
    return true;
  }

  /** It is dead, or has another connection: it is kept no longer. False for any other path. */
  end(path: P): boolean {
    if (path !== this.#path) return false;
    this.#path = undefined;
    return true;
  }

  /** The path's health is another one. True when it was kept, and is heard again. */
  isHeard(path: P): boolean {
    return path.health !== 'suspected' && this.end(path);
  }
}
