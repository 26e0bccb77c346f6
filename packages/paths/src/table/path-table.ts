import { KwikError, toPathId, type PathId } from '@kwik/wire';
import { isAlive, isAvailable } from '../health/path-health.js';
import type { PathMachine } from '../state/path-machine.js';

/** Paths that may be alive at once, unless told otherwise. */
export const DEFAULT_MAX_ALIVE_PATHS = 64;
/** Dead paths that stay listed; older ones are only counted. */
export const DEFAULT_MAX_DEAD_PATHS = 256;

export interface TablePath {
  readonly id: PathId;
  readonly machine: PathMachine;
}

export interface PathTableOptions {
  readonly maxAlive?: number;
  readonly maxDead?: number;
}

/** All paths of a session since it began (K6.5, K6.6): the living ones, and the last dead ones. */
export class PathTable<P extends TablePath> {
  readonly #maxAlive: number;
  readonly #maxDead: number;
  /** In the order in which they were added. */
  readonly #paths = new Map<PathId, P>();
  #nextId = 0;
  /** Ids below this that are not in the table were forgotten, or skipped for good. */
  #forgottenBelow = 0;
  #forgottenCount = 0;

  constructor(options: PathTableOptions = {}) {
    this.#maxAlive = options.maxAlive ?? DEFAULT_MAX_ALIVE_PATHS;
    this.#maxDead = options.maxDead ?? DEFAULT_MAX_DEAD_PATHS;
  }

  /** Paths listed. */
  get size(): number {
    return this.#paths.size;
  }

  /** Dead paths that are no longer listed. */
  get forgottenCount(): number {
    return this.#forgottenCount;
  }

  /** The next id; never one that was given out or added before. The first is that of the primary, 0. */
  allocateId(): PathId {
    const id = toPathId(this.#nextId);
    this.#nextId += 1;
    return id;
  }

  /**
   * Adds a path under an id that no path had before: from `allocateId`, or given by the peer. Throws
   * ERR_KWIK_INVALID_ARGUMENT for a used id, ERR_KWIK_LIMIT_EXCEEDED when too many paths are alive.
   */
  add(path: P): P {
    if (this.#paths.has(path.id) || path.id < this.#forgottenBelow) {
      throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `path id ${path.id} was used before`);
    }
    this.#forgetOldDead();
    if (this.alive().length >= this.#maxAlive) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `${this.#maxAlive} paths are alive already`);
    }
    this.#paths.set(path.id, path);
    this.#nextId = Math.max(this.#nextId, path.id + 1);
    return path;
  }

  get(id: PathId): P | undefined {
    return this.#paths.get(id);
  }

  /** Throws ERR_KWIK_PATH_NOT_FOUND. */
  require(id: PathId): P {
    const path = this.#paths.get(id);
    if (path === undefined) throw new KwikError('ERR_KWIK_PATH_NOT_FOUND', `no path ${id} in this session`);
    return path;
  }

  /** Throws ERR_KWIK_PATH_DEAD with the reason (K6.3), or ERR_KWIK_PATH_NOT_FOUND. */
  requireAlive(id: PathId): P {
    const path = this.require(id);
    if (isAlive(path.machine.state)) return path;
    throw new KwikError('ERR_KWIK_PATH_DEAD', `path ${id} is dead: ${path.machine.reason}`);
  }

  /** Every path since the session began, but for those that are only counted by now. */
  all(): P[] {
    this.#forgetOldDead();
    return [...this.#paths.values()];
  }

  /** Paths that are available. */
  active(): P[] {
    return this.#filter((path) => isAvailable(path.machine.state));
  }

  /** Paths in any state but dead. */
  alive(): P[] {
    return this.#filter((path) => isAlive(path.machine.state));
  }

  dead(): P[] {
    this.#forgetOldDead();
    return this.#filter((path) => !isAlive(path.machine.state));
  }

  #filter(wanted: (path: P) => boolean): P[] {
    const found: P[] = [];
    for (const path of this.#paths.values()) if (wanted(path)) found.push(path);
    return found;
  }

  #forgetOldDead(): void {
    const dead = this.#filter((path) => !isAlive(path.machine.state));
    const surplus = dead.length - this.#maxDead;
    if (surplus <= 0) return;
    dead.sort((a, b) => a.machine.sinceMs - b.machine.sinceMs);
    for (const path of dead.slice(0, surplus)) {
      this.#paths.delete(path.id);
      this.#forgottenBelow = Math.max(this.#forgottenBelow, path.id + 1);
      this.#forgottenCount += 1;
    }
  }
}
