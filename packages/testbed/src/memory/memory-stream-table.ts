import { MemoryStream, type StreamOwner } from './stream.js';
import type { PeerParameters } from './packet.js';

type Kind = 'bidi' | 'uni';

/** The streams of one connection and the limits on their number, numbered as in RFC 9000, section 2.1. */
export class MemoryStreamTable {
  readonly #side: 'client' | 'server';
  readonly #own: PeerParameters;
  readonly #owner: StreamOwner;
  readonly #streams = new Map<number, MemoryStream>();
  /** Streams opened so far, and how many may be in all; ours by the peer's word, the peer's by ours. */
  readonly #opened: Record<Kind, number> = { bidi: 0, uni: 0 };
  readonly #openLimit: Record<Kind, number> = { bidi: 0, uni: 0 };
  readonly #adopted: Record<Kind, number> = { bidi: 0, uni: 0 };
  readonly #adoptLimit: Record<Kind, number>;
  #peerWindow = 0;

  constructor(side: 'client' | 'server', own: PeerParameters, owner: StreamOwner) {
    this.#side = side;
    this.#own = own;
    this.#owner = owner;
    this.#adoptLimit = { bidi: own.maxBidiStreams, uni: own.maxUniStreams };
  }

  onPeerParameters(peer: PeerParameters): void {
    this.#peerWindow = peer.streamWindowBytes;
    this.onOpenLimit(false, peer.maxBidiStreams);
    this.onOpenLimit(true, peer.maxUniStreams);
  }

  onOpenLimit(unidirectional: boolean, limit: number): void {
    const kind = kindOf(unidirectional);
    this.#openLimit[kind] = Math.max(this.#openLimit[kind], limit);
  }

  all(): Iterable<MemoryStream> {
    return this.#streams.values();
  }

  get(id: number): MemoryStream | undefined {
    return this.#streams.get(id);
  }

  open(unidirectional: boolean): MemoryStream | undefined {
    const kind = kindOf(unidirectional);
    if (this.#opened[kind] >= this.#openLimit[kind]) return undefined;
    const id = (this.#opened[kind]++ << 2) | (unidirectional ? 2 : 0) | (this.#side === 'server' ? 1 : 0);
    return this.#add(id, false, { sends: true, receives: !unidirectional });
  }

  /**
   * Makes the stream `id` and all before it of its kind, as the peer opened them (RFC 9000, section 3.2), and gives those
   * that are new. `finished`: it was there and is over; `violation`: not the peer's to open, or beyond its limit.
   */
  adopt(id: number): readonly MemoryStream[] | 'finished' | 'violation' {
    const openedByServer = (id & 1) !== 0;
    const kind = kindOf((id & 2) !== 0);
    if (openedByServer === (this.#side === 'server')) return id >> 2 < this.#opened[kind] ? 'finished' : 'violation';
    if (id >> 2 < this.#adopted[kind]) return 'finished';
    if (id >> 2 >= this.#adoptLimit[kind]) return 'violation';
    const made: MemoryStream[] = [];
    while (this.#adopted[kind] <= id >> 2) {
      const next = (this.#adopted[kind]++ << 2) | (id & 3);
      made.push(this.#add(next, true, { sends: kind === 'bidi', receives: true }));
    }
    return made;
  }

  /** Forgets a stream that is over; the new limit to announce when it was the peer's. */
  settle(stream: MemoryStream): { readonly unidirectional: boolean; readonly limit: number } | undefined {
    if (!stream.finished || !this.#streams.delete(stream.id) || !stream.openedByPeer) return undefined;
    const { unidirectional } = stream;
    return { unidirectional, limit: ++this.#adoptLimit[kindOf(unidirectional)] };
  }

  clear(): void {
    this.#streams.clear();
  }

  #add(id: number, openedByPeer: boolean, sides: { sends: boolean; receives: boolean }): MemoryStream {
    const windows = { send: this.#peerWindow, receive: this.#own.streamWindowBytes };
    const stream = new MemoryStream(id, openedByPeer, sides, windows, this.#owner);
    this.#streams.set(id, stream);
    return stream;
  }
}

function kindOf(unidirectional: boolean): Kind {
  return unidirectional ? 'uni' : 'bidi';
}
