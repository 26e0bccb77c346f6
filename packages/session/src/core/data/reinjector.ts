import { needsReinjection } from '@kwik/paths';
import type { PathId } from '@kwik/wire';
import type { Piece } from '../streams/send-half.js';
import { CopyQueue } from './copy-queue.js';
import type { ControlFrame, DataPath } from './data-path.js';

/** How often a path with nothing else to do looks for what others have in flight, milliseconds, and how much it takes at once. */
const LOOK_INTERVAL_MS = 5;
const LOOK_PACKETS = 16;
/** A piece is copied when the other path would have it there in this share of the time that its own still takes. */
const COPY_ADVANTAGE = 0.75;
/** What is not acknowledged after so many RTTs of its path is late, and is copied however slow the other path is. */
const LATE_RTTS = 1.5;
/**
 * What a silent path owes at the most to be copied to all others at once, where none of those is known to be well: what any
 * connection may send after a pause (RFC 9002, section 7.2), so it takes nothing from anybody.
 */
const EVERYWHERE_BYTES = 14_720;

/** Decides which pieces go out again on another path of the same peer while their own may still deliver them. */
export class Reinjector {
  readonly queue: CopyQueue;
  readonly #allowsCopies: () => boolean;

  /**
   * @param isActive whether a path answers
   * @param allowsCopies whether this end has copies to spare of what its own path may still deliver
   */
  constructor(isActive: (path: PathId, surely: boolean) => boolean, allowsCopies: () => boolean = () => true) {
    this.queue = new CopyQueue(isActive);
    this.#allowsCopies = allowsCopies;
  }

  /**
   * `path` does not answer: what it owes is copied to one of the others; or to all of them, when it is little and each of them may
   * be as silent, since they share a relay perhaps. Gives its control frames, which have to be said elsewhere.
   */
  takeOver(path: DataPath, paths: readonly DataPath[], now: number): ControlFrame[] {
    this.doubt(path, paths, now);
    return this.#copyAll(path, paths);
  }

  #copyAll(path: DataPath, paths: readonly DataPath[]): ControlFrame[] {
    const loss = path.sent.inFlightBytes <= EVERYWHERE_BYTES && this.#allowsCopies() ? 'little' : 'much';
    const takers = loss === 'little' ? takersOf(path, paths) : WHOEVER_CAN;
    const owed = path.sent.takeOlderThan(0, Number.POSITIVE_INFINITY);
    for (const { pieces } of owed) for (const to of takers) this.queue.add(pieces, path.id, loss, to);
    return owed.flatMap(({ frames }) => frames);
  }

  /**
   * Something that went over one path has not come, so what others are like has to be shown. Gives those of which it is not known,
   * for nothing came over them for a round trip: each is to be asked.
   *
   * @param known the path that is silent, or the one over which the peer has just said so
   */
  doubt(known: DataPath, paths: Iterable<DataPath>, now: number): DataPath[] {
    const unknown = [...paths].filter((path) => {
      const { toPeer, sure, lastPacketMs, rtt } = path;
      return path !== known && toPeer && sure && now - lastPacketMs > (rtt.hasSample ? rtt.smoothedMs : 0);
    });
    for (const path of unknown) path.doubtedMs = now;
    return unknown;
  }

  /**
   * `path` answers, again or for the first time: it takes over from those that do not, for what went out there last had no better
   * path by then. Gives their control frames, without those of which it has newer ones.
   */
  relieve(path: DataPath, paths: Iterable<DataPath>): ControlFrame[] {
    const silent = [...paths].filter((other) => other !== path && other.toPeer && needsReinjection(other.health));
    // What is kept of what was sent are frames that outlive their path.
    return silent.flatMap((other) => this.#copyAll(other, [path])).filter(({ key }) => !path.hasPending(key));
  }

  /** What just went out over `from` is to go out on another path as well, to be there whatever happens to the first. */
  duplicate(pieces: Iterable<Piece>, from: PathId): void {
    if (this.#allowsCopies()) this.queue.add(pieces, from);
  }

  /**
   * `path` has nothing else to do: it takes over what a slower one will take longer to deliver (the tail of a transfer,
   * a reader or a window that is held up), within the budget.
   */
  look(path: DataPath, paths: Iterable<DataPath>, now: number): void {
    const rttMs = path.rtt.smoothedMs;
    if (rttMs === 0 || now - path.lookedMs < LOOK_INTERVAL_MS || !this.queue.emptyFor(path.id)) return;
    path.lookedMs = now;
    if (!this.#allowsCopies()) return;
    const carriers = [...paths].filter(({ toPeer }) => toPeer);
    if (!this.queue.affords(carriers.reduce((sum, { sentBytes }) => sum + sentBytes, 0))) return;
    for (const other of carriers) {
      const oldest = other === path ? undefined : other.sent.oldest();
      if (oldest === undefined) continue;
      const ageMs = now - oldest.sentAtMs;
      const leftMs = other.rtt.smoothedMs - ageMs;
      const late = other.rtt.smoothedMs > 0 && ageMs > LATE_RTTS * other.rtt.smoothedMs;
      if (!late && rttMs > COPY_ADVANTAGE * leftMs) continue;
      for (const { pieces } of other.sent.takeOlderThan(0, now, LOOK_PACKETS)) this.queue.add(pieces, other.id);
    }
  }
}

type Takers = readonly (PathId | undefined)[];
const WHOEVER_CAN: Takers = [undefined];

/** Each of the paths beside `path` when none is known to be well; or else whoever can. */
function takersOf(path: DataPath, paths: readonly DataPath[]): Takers {
  const others = paths.filter((other) => other !== path && other.toPeer && other.available);
  return others.length > 0 && others.every(({ doubtful }) => doubtful) ? others.map(({ id }) => id) : WHOEVER_CAN;
}
