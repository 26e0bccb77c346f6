import type { BytesLike } from '@kwik/wire';
import type { DatagramOptions } from '../core/datagrams/datagram-queue.js';

export type { DatagramOptions };

/** Bytes that a session sends without promising anything, beside its streams. */
export interface Datagrams {
  /**
   * Sends bytes to the other end once, over the path on which they arrive first, or over two: they may be lost, and overtake each
   * other. They are never sent again, never held back by streams, nor do they hold streams back. They are copied before
   * it returns. At most 256 wait, and 1 MiB; then the oldest are dropped. Throws ERR_KWIK_PACKET_TOO_LARGE (above
   * `maxDatagramSize`), ERR_KWIK_UNSUPPORTED (the peer takes none), ERR_KWIK_INVALID_STATE at a secondary,
   * ERR_KWIK_INVALID_ARGUMENT, and the reason of the session's end.
   */
  sendDatagram(data: BytesLike, options?: DatagramOptions): void;
  /**
   * Datagrams that come, each once, until the session ends. At most 1,024 of them, and 4 MiB, wait; what comes beyond is
   * dropped, and counted. Several readers share them.
   */
  datagrams(): AsyncIterable<Uint8Array>;
  /** The largest datagram that the peer takes, bytes; 0: it takes none. One of 1,100 fits a single UDP packet. */
  readonly maxDatagramSize: number;
  /** Since the session began. */
  datagramCounts(): DatagramCounts;
}

export interface DatagramCounts {
  /** Handed over with `sendDatagram`. */
  readonly sent: number;
  /** Of them: dropped before they were sent, for too many waited, or for too long. */
  readonly unsent: number;
  readonly received: number;
  /** Of them: dropped because nobody read them. */
  readonly unread: number;
}
