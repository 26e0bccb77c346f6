import { KwikError, type PathId } from '@kwik/wire';
import type { StreamTable } from '../streams/stream-table.js';
import type { DataEvent } from './data-events.js';
import type { DataPath } from './data-path.js';

export interface WriterWasteContext {
  readonly streams: StreamTable;
  path(id: PathId): DataPath | undefined;
}

/**
 * Who makes the session hold more pieces than their bytes explain. A secondary that the primary lets write could end the
 * session of a client by single bytes with holes between them; so its path ends, with what it wasted, and the session goes
 * on. Nothing is counted until the session's account is overdrawn, and then everything once.
 */
export class WriterWaste {
  readonly #context: WriterWasteContext;
  readonly #emit: (event: DataEvent) => void;

  constructor(context: WriterWasteContext, emit: (event: DataEvent) => void) {
    this.#context = context;
    this.#emit = emit;
  }

  /**
   * Lets go of what the most wasteful secondary brought, ends its path for good, and fails the streams that have lost bytes
   * by that. `cause` says what there is too much of.
   * False, and nothing is done, when the peer of the session's streams wastes more than each of them.
   */
  relieve(cause: KwikError): boolean {
    const culprit = this.#culprit();
    if (culprit === undefined) return false;
    const error = new KwikError('ERR_KWIK_EXCESSIVE_LOAD', cause.message, { cause });
    for (const { id, receive, authority } of this.#context.streams.values()) {
      if (authority?.knows(culprit) !== true || receive?.dropGapped(culprit) !== true) continue;
      // They were acknowledged, so that nobody would send them again.
      this.#emit({ kind: 'failed', streamId: id, error });
    }
    const path = this.#context.path(culprit);
    if (path?.violated === false) {
      path.violated = true;
      this.#emit({ kind: 'violation', pathId: culprit, error });
    }
    return true;
  }

  /** The secondary that wastes most, unless the owner of the streams does. */
  #culprit(): PathId | undefined {
    const bySecondary = new Map<PathId, number>();
    let byOwner = 0;
    for (const { receive, authority } of this.#context.streams.values()) {
      const byOrigin = new Map<number, number>();
      receive?.countWaste(byOrigin);
      for (const [origin, bytes] of byOrigin) {
        const path = origin as PathId;
        // Whoever was granted bytes is a secondary, whether its path still lives or not.
        if (authority?.knows(path) === true) bySecondary.set(path, (bySecondary.get(path) ?? 0) + bytes);
        else byOwner += bytes;
      }
    }
    let culprit: PathId | undefined;
    let most = Math.max(0, byOwner);
    for (const [path, bytes] of bySecondary) {
      if (bytes <= most) continue;
      most = bytes;
      culprit = path;
    }
    return culprit;
  }
}
