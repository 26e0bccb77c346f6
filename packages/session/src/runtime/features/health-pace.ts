import type { proto } from '@kwik/wire';

/** Of one server so much is taken at the most, however often somebody tells it: the last word of each second. */
const TAKE_EVERY_MS = 1000;

/** What is told of the health of servers, by what names them: kept until it is to be taken. */
export class HealthPace<K> {
  readonly #waiting = new Map<K, proto.HealthReport>();
  /** When something may be taken again. */
  readonly #openMs = new Map<K, number>();

  /** Of this one nothing is taken for an interval. */
  hold(key: K, now: number): void {
    this.#openMs.set(key, now + TAKE_EVERY_MS);
  }

  hear(key: K, said: proto.HealthReport): void {
    this.#waiting.set(key, said);
  }

  forget(key: K): void {
    this.#waiting.delete(key);
    this.#openMs.delete(key);
  }

  /** What is to be taken now. */
  due(now: number): [K, proto.HealthReport][] {
    for (const [key, openMs] of this.#openMs) if (openMs <= now) this.#openMs.delete(key);
    const due = [...this.#waiting].filter(([key]) => !this.#openMs.has(key));
    for (const [key] of due) {
      this.#waiting.delete(key);
      this.hold(key, now);
    }
    return due;
  }

  /** When the next is to be taken, if anything waits. */
  get dueAtMs(): number | undefined {
    const opens = Array.from(this.#waiting.keys(), (key) => this.#openMs.get(key) ?? Number.NEGATIVE_INFINITY);
    return opens.length === 0 ? undefined : Math.min(...opens);
  }
}
