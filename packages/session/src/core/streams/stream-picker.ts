import { BULK, laneKey, type CheckedIntent } from './stream-intent.js';
import { StreamLane } from './stream-lane.js';
import { hasSomethingToSend, type StreamState } from './stream-state.js';

/**
 * Whose turn it is: `fast` streams first, then the most urgent priority, and round robin within it (RFC 9218, section 10).
 * Streams that want to be carried in the same way form a lane; lanes of the same urgency have their turns as streams do. A
 * stream is in the queue of one lane, once, while it has something to send.
 */
export class StreamPicker {
  /** Of streams that want nothing particular: nearly always all of them. */
  readonly plain = new StreamLane(BULK);
  /** By their key; those that have nothing go when the next turn is asked for. */
  readonly #others = new Map<string, StreamLane>();
  #turns = 0;

  get empty(): boolean {
    return this.plain.empty && !this.hasIntents;
  }

  /** Streams wait that want something particular. */
  get hasIntents(): boolean {
    return this.#others.size > 0 && [...this.#others.values()].some((lane) => !lane.empty);
  }

  /** Call whenever a stream may have got something to send. */
  add(stream: StreamState): void {
    if (stream.lane !== undefined || !hasSomethingToSend(stream)) return;
    this.#laneOf(stream).add(stream);
  }

  /** From now on the stream is carried so; what is under way is not called back. */
  setIntent(stream: StreamState, { send, priority = stream.priority }: CheckedIntent): void {
    stream.lane?.remove(stream);
    stream.intent = send;
    stream.priority = priority;
    this.add(stream);
  }

  setPriority(stream: StreamState, priority: number): void {
    this.setIntent(stream, { send: stream.intent, priority });
  }

  /** The lane whose turn it is, of those that are not in `without`. */
  upcoming(without?: ReadonlySet<StreamLane>): StreamLane | undefined {
    if (this.#others.size === 0) {
      return this.plain.peek() === undefined || without?.has(this.plain) === true ? undefined : this.plain;
    }
    let best: StreamLane | undefined;
    for (const [key, lane] of this.#others) {
      if (lane.peek() === undefined) this.#others.delete(key);
      else if (without?.has(lane) !== true && (best === undefined || lane.isBefore(best))) best = lane;
    }
    if (this.plain.peek() === undefined || without?.has(this.plain) === true) return best;
    return best?.isBefore(this.plain) === true ? best : this.plain;
  }

  /** Takes the next stream out of its queue, of that lane or of any; `add` puts it back behind the others of its priority. */
  next(lane: StreamLane | undefined = this.upcoming()): StreamState | undefined {
    return lane?.next(++this.#turns);
  }

  #laneOf({ intent }: StreamState): StreamLane {
    if (intent === BULK) return this.plain;
    const key = laneKey(intent);
    let lane = this.#others.get(key);
    if (lane === undefined) {
      lane = new StreamLane(intent);
      this.#others.set(key, lane);
    }
    return lane;
  }
}
