import type { SendIntent } from '@kwik/wire';
import { hasSomethingToSend, PRIORITY_LEVELS, type StreamState } from './stream-state.js';

/** Streams with something to send that want to be carried in the same way; by priority, and in turns within it. */
export class StreamLane {
  readonly #levels: StreamState[][] = Array.from({ length: PRIORITY_LEVELS }, () => []);
  #servedAt = 0;

  constructor(readonly intent: SendIntent) {}

  get empty(): boolean {
    return this.#levels.every((level) => level.length === 0);
  }

  add(stream: StreamState): void {
    stream.lane = this;
    this.#levels[stream.priority]!.push(stream);
  }

  remove(stream: StreamState): void {
    for (const level of this.#levels) {
      const index = level.indexOf(stream);
      if (index >= 0) level.splice(index, 1);
    }
    stream.lane = undefined;
  }

  /** Whose turn it is next; it stays in the queue. */
  peek(): StreamState | undefined {
    for (const level of this.#levels) {
      while (level[0] !== undefined) {
        if (hasSomethingToSend(level[0])) return level[0];
        level.shift()!.lane = undefined;
      }
    }
    return undefined;
  }

  /** What waits to be sent of the streams of the priority whose turn it is; looks at each of them. */
  get pendingBytes(): number {
    let pendingBytes = 0;
    for (const { send, supply } of this.#levels.find((level) => level.some(hasSomethingToSend)) ?? []) {
      pendingBytes += (send?.expectedBytes ?? 0) + (supply?.readyBytes ?? 0);
    }
    return pendingBytes;
  }

  /** Takes the next stream out of the queue; `turn` counts the turns of all lanes. */
  next(turn: number): StreamState | undefined {
    for (const level of this.#levels) {
      for (;;) {
        const stream = level.shift();
        if (stream === undefined) break;
        stream.lane = undefined;
        if (!hasSomethingToSend(stream)) continue;
        this.#servedAt = turn;
        return stream;
      }
    }
    return undefined;
  }

  /** Whether its turn comes before that of `other`; both have something. */
  isBefore(other: StreamLane): boolean {
    const [fast, otherFast] = [this.intent.mode === 'fast', other.intent.mode === 'fast'];
    if (fast !== otherFast) return fast;
    const [priority, otherPriority] = [this.peek()!.priority, other.peek()!.priority];
    return priority === otherPriority ? this.#servedAt < other.#servedAt : priority < otherPriority;
  }
}
