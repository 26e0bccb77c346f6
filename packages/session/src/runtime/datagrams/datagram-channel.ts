import { copyOfBytes, KwikError, type BytesLike, type Clock } from '@kwik/wire';
import type { DatagramCounts, DatagramOptions } from '../../api/datagrams.js';
import type { DatagramQueue } from '../../core/datagrams/datagram-queue.js';
import { PacketQueue } from '../waiting/packet-queue.js';

/** What the datagrams need of their session. */
export interface DatagramSession {
  readonly clock: Pick<Clock, 'now'>;
  /** A secondary has none: it is no end of the session's streams. */
  readonly isEnd: boolean;
  assertTakes(): void;
  /** One waits to be sent. */
  onQueued(): void;
}

/** The datagrams of a session: those that wait to be sent, and those that wait for the application. */
export class DatagramChannel {
  readonly #outgoing: DatagramQueue;
  readonly #session: DatagramSession;
  readonly #incoming = new PacketQueue<{ readonly data: Uint8Array }>();
  #sent = 0;

  constructor(outgoing: DatagramQueue, session: DatagramSession) {
    this.#outgoing = outgoing;
    this.#session = session;
  }

  get maxSize(): number {
    return this.#outgoing.maxBytes;
  }

  get counts(): DatagramCounts {
    const { received, dropped } = this.#incoming.counts;
    return { sent: this.#sent, unsent: this.#outgoing.dropped, received, unread: dropped };
  }

  /** The bytes are copied before it returns. Throws where nothing can be sent; never waits. */
  send(data: BytesLike, options: DatagramOptions = {}): void {
    const bytes = copyOfBytes(data, 'a datagram');
    this.#session.assertTakes();
    if (!this.#session.isEnd) throw new KwikError('ERR_KWIK_INVALID_STATE', 'a secondary sends no datagrams');
    this.#outgoing.push(bytes, options, this.#session.clock.now());
    this.#sent++;
    this.#session.onQueued();
  }

  /** One came; the bytes belong to the queue. */
  onReceived(data: Uint8Array): void {
    this.#incoming.push({ data });
  }

  onEnd(): void {
    this.#outgoing.clear();
    this.#incoming.end();
  }

  /** Those that came, in the order of their coming, until the session ends. Several readers share them. */
  async *received(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = await this.#incoming.next();
      if (next === null) return;
      yield next.data;
    }
  }
}
