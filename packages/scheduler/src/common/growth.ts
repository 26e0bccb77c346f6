import type { PathId, PathSnapshot } from '@kwik/wire';
import { arrivalMs, ratePerMs, rttMs } from './estimate.js';

/** A path that delivers more than before by this factor is growing still: the measure by which BBR ends its startup. */
const GROWTH_FACTOR = 1.25;
/** Without such growth for so many round trips its pipe is full (BBR's number as well). */
const FULL_AFTER_RTTS = 3;

interface Course {
  bestRatePerMs: number;
  grewMs: number;
}

/**
 * Which paths are in slow start. Their rate is no measure of what they will do: it doubles with each round trip (RFC
 * 9002, section 7.3.1), so a near path that has just begun looks slower than a far one, and is not.
 */
export class Growth {
  readonly #courses = new Map<PathId, Course>();

  /** To be called with every path at every decision: growth is seen by comparison. */
  observe(path: PathSnapshot, now: number): void {
    const rate = path.deliveryRateBytesPerSecond / 1000;
    const course = this.#courses.get(path.id);
    if (course === undefined) {
      // Nothing is known of how a path that delivers already came there; one that is new is in slow start.
      this.#courses.set(path.id, { bestRatePerMs: rate, grewMs: rate > 0 ? Number.NEGATIVE_INFINITY : now });
    } else if (rate === 0 || rate > course.bestRatePerMs * GROWTH_FACTOR) {
      course.bestRatePerMs = rate;
      course.grewMs = now;
    } else if (rate < course.bestRatePerMs && !isGrowing(course, path, now)) {
      course.bestRatePerMs = rate; // The path has become worse; what it once was does not hide that it recovers.
    }
  }

  /**
   * `arrivalMs` for a path that may be in slow start: what it delivers was sent a round trip ago, with half the window
   * of now, and each round trip doubles it again.
   */
  arrivalMs(path: PathSnapshot, bytes: number, now: number): number {
    const course = this.#courses.get(path.id);
    if (course === undefined || !isGrowing(course, path, now)) return arrivalMs(path, bytes);
    const rtt = rttMs(path);
    const rate = Math.max(ratePerMs(path), path.windowBytes / rtt);
    return arrivalMs(path, bytes, rate, rtt * Math.log2(1 + (bytes * Math.LN2) / (rate * rtt)));
  }

  /** Forgets paths that are no more: the table stays as small as the session. */
  keepOnly(paths: readonly PathSnapshot[]): void {
    if (this.#courses.size <= paths.length) return;
    for (const id of this.#courses.keys()) if (!paths.some((path) => path.id === id)) this.#courses.delete(id);
  }
}

function isGrowing(course: Course, path: PathSnapshot, now: number): boolean {
  return now - course.grewMs <= FULL_AFTER_RTTS * rttMs(path);
}
