import type { PathMachine } from '@kwik/paths';
import type { PathId } from '@kwik/wire';
import type { PathInfo } from '../../api/session.js';
import type { UserCallbacks } from '../host/user-callbacks.js';

/** Dead paths that are remembered one by one; older ones are forgotten. */
const MAX_HISTORY = 1024;

interface Known {
  readonly info: PathInfo;
  /** Of a path of this end: when it is connected again, it goes on with its own. */
  readonly machine: PathMachine | undefined;
}

/** What is known of every path since the session began, by number. */
export class PathHistory {
  readonly #known = new Map<PathId, Known>();
  readonly #listeners = new Set<(path: PathInfo) => void>();
  readonly #callbacks: UserCallbacks;

  constructor(callbacks: UserCallbacks) {
    this.#callbacks = callbacks;
  }

  onChange(listener: (path: PathInfo) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The application hears of it. */
  tell(info: PathInfo): void {
    for (const listener of this.#listeners) this.#callbacks.call('onPathChange', listener, info);
  }

  /** @param machine what it was before, unless told */
  update(info: PathInfo, machine = this.machine(info.id)): void {
    this.#known.set(info.id, { info, machine });
    if (this.#known.size <= MAX_HISTORY) return;
    for (const [id, known] of this.#known) {
      if (known.info.state !== 'dead') continue;
      this.#known.delete(id);
      return;
    }
  }

  get(id: PathId): PathInfo | undefined {
    return this.#known.get(id)?.info;
  }

  machine(id: PathId): PathMachine | undefined {
    return this.#known.get(id)?.machine;
  }

  all(): PathInfo[] {
    return Array.from(this.#known.values(), ({ info }) => info).sort((a, b) => a.id - b.id);
  }
}
