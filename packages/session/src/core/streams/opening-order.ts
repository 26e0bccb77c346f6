import { isUnidirectional, KwikError, makeStreamId, streamInitiator, type StreamId } from '@kwik/wire';
import type { StreamState } from './stream-state.js';

interface Heard {
  readonly stream: StreamState;
  readonly atMs: number;
  /** Counts up from 0: who came first, also within a millisecond. */
  readonly arrival: number;
}

type Kind = 'bidi' | 'uni';

/**
 * Streams of the peer between the first that is heard of them and `acceptStream`: they leave in the order in which the peer
 * opened them, whichever of their announcements and frames came first. Those of a kind are heard of in their order anyway, so
 * only two can be the next one, the first of each kind; the announcement of one of them is enough to tell which. A stream
 * of which nothing but frames has come waits for that, at most as long as the caller has patience. Sans-IO.
 *
 * Its size is bounded by the credit that the peer has for streams.
 */
export class OpeningOrder {
  readonly #waiting: Record<Kind, Heard[]> = { bidi: [], uni: [] };
  /** As announced, of streams that have not left. */
  readonly #openings = new Map<StreamId, bigint>();
  readonly #left: Record<Kind, bigint>;
  #arrivals = 0;
  /** An older peer: it never says which of its streams one is, and they leave as they come. */
  #unsaid = false;

  /** `left`: how many streams have left already, of a session that another server began. */
  constructor({ bidi, uni }: Record<Kind, bigint> = { bidi: 0n, uni: 0n }) {
    this.#left = { bidi, uni };
  }

  /** The peer opened the stream. To be called once for each, and for those of a kind in the order of their ids. */
  hear(stream: StreamState, now: number): void {
    this.#waiting[kindOf(stream.id)].push({ stream, atMs: now, arrival: this.#arrivals++ });
  }

  /** The peer says which of its streams this one is; 0: it does not say. What is said again, or too late, changes nothing. */
  announce(id: StreamId, opening: bigint): void {
    if (opening === 0n) this.#unsaid = true;
    else if (id >> 2n >= this.#left[kindOf(id)]) this.#openings.set(id, opening);
  }

  /** The stream that leaves next. Who was heard of `patienceMs` ago waits for no announcement any more. */
  next(now: number, patienceMs: number): StreamState | undefined {
    const [first, second] = this.#heads();
    if (first === undefined) return undefined;
    if (this.#isNext(first, second)) return this.#leave(first);
    if (second !== undefined && this.#isNext(second, first)) return this.#leave(second);
    return first.atMs + patienceMs <= now ? this.#leave(first) : undefined;
  }

  /** When the patience with one that waits is over; undefined when none does. */
  dueAtMs(patienceMs: number): number | undefined {
    const [first] = this.#heads();
    return first === undefined ? undefined : first.atMs + patienceMs;
  }

  /** The first of each kind, whoever came first. */
  #heads(): readonly [Heard | undefined, Heard | undefined] {
    const bidi = this.#waiting.bidi[0];
    const uni = this.#waiting.uni[0];
    const bidiFirst = uni === undefined || (bidi !== undefined && bidi.arrival < uni.arrival);
    return bidiFirst ? [bidi, uni] : [uni, bidi];
  }

  /** Whether the stream is known to be the next one: it says so, or the first of the other kind says that it comes later. */
  #isNext({ stream }: Heard, other: Heard | undefined): boolean {
    if (this.#unsaid) return true;
    const turn = this.#left.bidi + this.#left.uni + 1n;
    const opening = this.#openings.get(stream.id);
    if (opening !== undefined && opening <= turn) return true;
    const others = other && this.#openings.get(other.stream.id);
    return others !== undefined && others > turn;
  }

  #leave({ stream }: Heard): StreamState {
    const kind = kindOf(stream.id);
    this.#waiting[kind].shift();
    this.#openings.delete(stream.id);
    this.#left[kind]++;
    return stream;
  }
}

/**
 * The last stream of the other kind that was opened before the one that is announced: it exists, although nothing may have come
 * of it yet. Undefined where there is none, or none is said. Throws when so few streams cannot have been opened.
 */
export function impliedBy(id: StreamId, opening: bigint): StreamId | undefined {
  if (opening === 0n) return undefined;
  const before = opening - 1n - (id >> 2n);
  if (before < 0n) {
    throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `the peer calls stream ${id} its opening ${opening}`);
  }
  return before === 0n ? undefined : makeStreamId(before - 1n, streamInitiator(id), !isUnidirectional(id));
}

function kindOf(id: StreamId): Kind {
  return isUnidirectional(id) ? 'uni' : 'bidi';
}
