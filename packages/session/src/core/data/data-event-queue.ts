import type { DataEvent } from './data-events.js';

/** Events in the order in which they happened. Taking one costs the same however many wait: a peer decides how many. */
export class DataEventQueue {
  #events: DataEvent[] = [];
  #head = 0;

  push(event: DataEvent): void {
    this.#events.push(event);
  }

  shift(): DataEvent | undefined {
    const event = this.#events[this.#head];
    if (event === undefined) return undefined;
    this.#head++;
    if (this.#head === this.#events.length) {
      this.#events = [];
      this.#head = 0;
    }
    return event;
  }
}
