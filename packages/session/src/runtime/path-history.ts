import type { PathId } from '@kwik/wire';
import type { PathInfo, PathStateName } from '../api/session.js';

/** Dead paths that are remembered one by one; older ones are forgotten. */
const MAX_HISTORY = 1024;

/** What is known of every path since the session began, by number. */
export class PathHistory {
  readonly #infos = new Map<PathId, PathInfo>();

  update(info: PathInfo): void {
    this.#infos.set(info.id, info);
    if (this.#infos.size <= MAX_HISTORY) return;
    for (const [id, known] of this.#infos) {
      if (known.state !== 'dead') continue;
      this.#infos.delete(id);
      return;
    }
  }

  get(id: PathId): PathInfo | undefined {
    return this.#infos.get(id);
  }

  all(): PathInfo[] {
    return [...this.#infos.values()].sort((a, b) => a.id - b.id);
  }
}

/** Whether a path in this state is connected. */
export function isActive(state: PathStateName): boolean {
  return state !== 'dead' && state !== 'recovering' && state !== 'connecting' && state !== 'validating';
}
