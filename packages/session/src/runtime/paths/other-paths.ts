import type { PathRegistry } from './path-registry.js';
import type { PathRuntime } from './path-runtime.js';

type Paths = Pick<PathRegistry<PathRuntime>, 'size' | 'values'>;

/** Each path knows whether the session has another one. */
export function tellAlone(paths: Paths): void {
  for (const path of paths.values()) path.alone = paths.size === 1;
}

/** Paths often fail together, and an idle one would take what the first owed before it is noticed. */
export function askOthers(paths: Paths, suspected: PathRuntime): void {
  for (const path of paths.values()) if (path !== suspected && path.health !== 'suspected') path.ask();
}
