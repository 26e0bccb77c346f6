import type { PathTransportHandler } from '@kwik/wire';
import type { BackendConnection } from '../backends/backend.js';
import { ByteQueue, type BlockPool } from './byte-queue.js';
import { isUnidirectional, openedByServer, QuicStream, type StreamOwner } from './stream.js';

/** Streams asked per sample whether their peer wants no more: bounds the work of connections with very many. */
const MAX_STOP_QUERIES = 64;

/** The streams of a connection by id: numbers those opened here, adopts those the peer opens, forgets finished ones. */
export class StreamTable {
  private readonly streams = new Map<number, QuicStream>();
  private nextBidi: number;
  private nextUni: number;

  constructor(
    private readonly side: 'client' | 'server',
    private readonly backend: BackendConnection,
    private readonly blocks: BlockPool,
    private readonly owner: StreamOwner,
  ) {
    const initiator = side === 'server' ? 1 : 0;
    this.nextBidi = initiator;
    this.nextUni = initiator + 2;
  }

  get all(): ReadonlyMap<number, QuicStream> {
    return this.streams;
  }

  /** `undefined` when the peer's limit is reached. */
  open(unidirectional: boolean): QuicStream | undefined {
    if (this.backend.streamsLeft(unidirectional) <= 0) return undefined;
    const id = unidirectional ? this.nextUni : this.nextBidi;
    if (!this.backend.createStream(id)) return undefined;
    if (unidirectional) this.nextUni += 4;
    else this.nextBidi += 4;
    const stream = new QuicStream(id, false, this.queue(), 'open', unidirectional ? 'none' : 'open', this.owner);
    this.streams.set(id, stream);
    return stream;
  }

  /** A stream that the peer opened; `undefined` for one of ours, which can only be one that is finished. */
  adopt(id: number): QuicStream | undefined {
    if (openedByServer(id) === (this.side === 'server')) return undefined;
    const stream = new QuicStream(id, true, this.queue(), isUnidirectional(id) ? 'none' : 'open', 'open', this.owner);
    this.streams.set(id, stream);
    return stream;
  }

  /** The same, and tells `handler` of it. */
  announce(id: number, handler: PathTransportHandler | undefined): QuicStream | undefined {
    const stream = this.adopt(id);
    if (stream === undefined) return undefined;
    handler?.onStream(stream);
    if (stream.handler === undefined) {
      // Nobody attached: the peer is told that nobody reads.
      stream.stopSending(0);
      stream.reset(0);
    }
    return stream;
  }

  /** Tells the peer that no more will come. */
  reset(stream: QuicStream, code: number): void {
    this.backend.streamReset(stream.id, code);
    this.settle(stream);
  }

  /** Tells the peer that no more is read. */
  stop(stream: QuicStream, code: number): void {
    stream.receiveSide = 'done';
    this.backend.streamStop(stream.id, code);
    this.settle(stream);
  }

  /** Bytes of the stream that were handed over; Infinity when nothing of it is kept. */
  readUpTo(id: number): number {
    const stream = this.streams.get(id);
    if (stream === undefined) return this.backend.streamFinished(id) ? Infinity : 0;
    return stream.receiveSide === 'open' ? stream.receivedBytes : Infinity;
  }

  /** Forgets the stream if both its sides are finished. */
  settle(stream: QuicStream): void {
    if (stream.finished) this.streams.delete(stream.id);
  }

  /** STOP_SENDING frames show only when a stream is asked for its capacity. */
  findStopped(found: (stream: QuicStream, code: number) => void): void {
    let queries = 0;
    for (const stream of this.streams.values()) {
      if (stream.sendSide !== 'open' && stream.sendSide !== 'ending') continue;
      const capacity = this.backend.streamCapacity(stream.id);
      if (typeof capacity !== 'number' && capacity.kind === 'stopped') found(stream, capacity.code);
      queries += 1;
      if (queries === MAX_STOP_QUERIES) return;
    }
  }

  /** The connection is over. */
  clear(): void {
    for (const stream of this.streams.values()) {
      stream.queue.clear();
      stream.wantsWritable = false;
      if (stream.sendSide !== 'none') stream.sendSide = 'done';
      if (stream.receiveSide !== 'none') stream.receiveSide = 'done';
    }
    this.streams.clear();
  }

  private queue(): ByteQueue {
    return new ByteQueue(this.blocks);
  }
}
