import type { ControlHandlers, Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';

const EVERY_MS = 1000;
/** While a reader has all the room that a content may take, so much more than what comes is wanted at least. */
const MORE_FACTOR = 1.25;

type MeasuredPath = Pick<PathRuntime, 'id' | 'figures'>;

interface ReportingSession {
  readonly controlPath: Pick<PathRuntime, 'send'> | undefined;
  readonly paths: { values(): Iterable<MeasuredPath> };
  wake(): void;
}

/**
 * What the client's paths carry, once a second, for a primary that asked for it by a report of its own. It is silent while nothing
 * comes.
 */
export class CapacityReports implements Feature {
  readonly #session: ReportingSession;
  readonly #content: { readonly wantsMore: boolean };
  #wanted = false;
  #nextMs = Number.NEGATIVE_INFINITY;
  /** By the last look, of paths that live. */
  readonly #received = new Map<number, number>();

  readonly handlers: ControlHandlers = {
    capacityReport: (path) => {
      if (path.primary) this.#wanted = true;
    },
  };

  constructor(session: SessionContext, content: { readonly wantsMore: boolean }) {
    this.#session = session;
    this.#content = content;
  }

  plan(now: number): number | undefined {
    const { controlPath } = this.#session;
    if (!this.#wanted || controlPath === undefined) return undefined;
    if (now < this.#nextMs) return this.#nextMs;
    const seconds = Math.min((now - this.#nextMs + EVERY_MS) / 1000, 10);
    this.#nextMs = now + EVERY_MS;
    const rates = Array.from(this.#session.paths.values(), (path) => ({ path, usedBps: this.#usedOf(path, seconds) }));
    const flows = rates.some(({ usedBps }) => usedBps > 0);
    const more = this.#content.wantsMore ? MORE_FACTOR : 1;
    for (const { path, usedBps } of flows ? rates : []) {
      const value = {
        pathId: path.id,
        capacityBps: BigInt(Math.round(path.figures().deliveryRateBytesPerSecond)),
        usedBps: BigInt(Math.round(usedBps)),
        predictedBps: BigInt(Math.round(more * usedBps)),
      };
      controlPath.send({ $case: 'capacityReport', value });
    }
    // What comes next wakes the session, and then this is looked at again.
    return flows ? this.#nextMs : undefined;
  }

  onPathDead({ id }: Pick<MeasuredPath, 'id'>): void {
    this.#received.delete(id);
  }

  #usedOf(path: MeasuredPath, seconds: number): number {
    const { receivedBytes } = path.figures();
    const before = this.#received.get(path.id) ?? 0;
    this.#received.set(path.id, receivedBytes);
    // Another connection of a path that lives may count anew.
    return (receivedBytes < before ? receivedBytes : receivedBytes - before) / seconds;
  }
}
