import { hasSomethingToSend, PRIORITY_LEVELS, type StreamState } from './stream-state.js';

/**
 * Whose turn it is: the most urgent priority first, round robin within it (RFC 9218, section 10). A stream is in the
 * queue exactly once while it has something to send.
 */
export class StreamPicker {
  readonly #levels: StreamState[][] = Array.from({ length: PRIORITY_LEVELS }, () => []);

  get empty(): boolean {
    return this.#levels.every((level) => level.length === 0);
  }

  /** Call whenever a stream may have got something to send. */
  add(stream: StreamState): void {
    if (stream.queued || !hasSomethingToSend(stream)) return;
    stream.queued = true;
    this.#levels[stream.priority]!.push(stream);
  }

  /** Whose turn it is next; it stays in the queue. */
  peek(): StreamState | undefined {
    for (const level of this.#levels) {
      while (level[0] !== undefined) {
        if (hasSomethingToSend(level[0])) return level[0];
        level.shift()!.queued = false;
      }
    }
    return undefined;
  }

  /** The streams of the priority whose turn it is. */
  contenders(): readonly StreamState[] {
    return this.#levels.find((level) => level.some(hasSomethingToSend)) ?? [];
  }

  /** Takes the next stream out of the queue; `add` puts it back behind the others of its priority. */
  next(): StreamState | undefined {
    for (const level of this.#levels) {
      for (;;) {
        const stream = level.shift();
        if (stream === undefined) break;
        stream.queued = false;
        if (hasSomethingToSend(stream)) return stream;
      }
    }
    return undefined;
  }
}
