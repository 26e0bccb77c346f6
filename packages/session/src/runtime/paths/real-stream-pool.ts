import { KwikError, type PathTransport, type TransportStream } from '@kwik/wire';
import type { RealStreamKey } from '../../core/data/data-path.js';

/** Logical streams that share a real one (K7.3). */
export const LOGICAL_PER_REAL = 4;
/** Real streams in one direction of a path at the most. */
export const MAX_POOL_SIZE = 16;
/** One surplus stream ends in so many milliseconds, so that streams that come and go do not make the pool flutter. */
const SHRINK_INTERVAL_MS = 100;

type Apart = Exclude<RealStreamKey, number>;

interface RealStream {
  readonly stream: TransportStream;
  /** What the stream could not take yet, in order. */
  rest: Uint8Array | undefined;
  /** QUIC offset of the next byte. */
  nextOffset: bigint;
}

/** Where a packet went on the wire. */
export interface RealStart {
  readonly realStreamId: number;
  readonly quicOffset: bigint;
}

/** The real streams that carry this end's packets on one path. Grows with the number of logical streams in use. */
export class RealStreamPool {
  readonly #transport: PathTransport;
  readonly #streams: RealStream[] = [];
  /** Of packets that nothing that was lost of others shall hold up; opened with the first of them. */
  readonly #apart = new Map<Apart, RealStream>();
  readonly #onWritable: () => void;
  #wanted = 1;
  #shrunkMs = Number.NEGATIVE_INFINITY;

  constructor(transport: PathTransport, onWritable: () => void) {
    this.#transport = transport;
    this.#onWritable = onWritable;
  }

  get size(): number {
    return this.#streams.length;
  }

  /** True while a packet is half written: nothing more may be put on that stream. */
  get backlogged(): boolean {
    if (this.#streams.some((real) => real.rest !== undefined)) return true;
    return this.#apart.size > 0 && [...this.#apart.values()].some((real) => real.rest !== undefined);
  }

  /** Sets the size by the number of logical streams. Surplus streams end after what they carry. */
  resize(logicalStreams: number, now: number): void {
    this.#wanted = Math.min(MAX_POOL_SIZE, Math.max(1, Math.ceil(logicalStreams / LOGICAL_PER_REAL)));
    if (this.#streams.length <= this.#wanted) {
      this.#shrunkMs = now;
    } else if (now - this.#shrunkMs >= SHRINK_INTERVAL_MS && this.#streams.at(-1)?.rest === undefined) {
      this.#shrunkMs = now;
      this.#streams.pop()?.stream.end();
    }
  }

  /** Writes a packet; packets with the same key keep their order. Returns where it begins. */
  write(packet: Uint8Array, key: RealStreamKey): RealStart {
    const real = typeof key === 'number' ? this.#choose(key) : this.#chooseApart(key);
    if (real.rest !== undefined)
      throw new KwikError('ERR_KWIK_INTERNAL', 'a packet was written to a stream that still holds another');
    const start = { realStreamId: real.stream.id, quicOffset: real.nextOffset };
    real.nextOffset += BigInt(packet.length);
    this.#put(real, packet);
    return start;
  }

  #choose(key: number): RealStream {
    const slot = key % this.#wanted;
    while (this.#streams.length <= slot) {
      const stream = this.#transport.openStream({ unidirectional: true });
      if (stream === undefined) break;
      this.#streams.push(this.#attach(stream));
    }
    const real = this.#streams[Math.min(slot, this.#streams.length - 1)];
    if (real === undefined) {
      throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', 'the peer allows no stream for data', { scope: 'path' });
    }
    return real;
  }

  /** Where the peer allows no further stream, it shares those of the others. */
  #chooseApart(key: Apart): RealStream {
    const known = this.#apart.get(key);
    if (known !== undefined) return known;
    // The stream of the others comes first, so that there is one.
    const shared = this.#choose(0);
    const stream = this.#transport.openStream({ unidirectional: true });
    if (stream === undefined) return shared;
    const real = this.#attach(stream);
    this.#apart.set(key, real);
    return real;
  }

  #attach(stream: TransportStream): RealStream {
    const real: RealStream = { stream, rest: undefined, nextOffset: 0n };
    stream.attach({
      onData: () => undefined,
      onEnd: () => undefined,
      onReset: () => undefined,
      onStopSending: () => undefined,
      onWritable: () => {
        if (real.rest !== undefined) this.#put(real, real.rest);
        if (real.rest === undefined) this.#onWritable();
      },
    });
    return real;
  }

  #put(real: RealStream, bytes: Uint8Array): void {
    const taken = real.stream.write(bytes);
    real.rest = taken < bytes.length ? bytes.subarray(taken) : undefined;
  }
}
