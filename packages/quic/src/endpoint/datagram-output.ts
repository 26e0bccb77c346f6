import { KwikError, type TransportAddress } from '@kwik/wire';
import type { BackendAddress } from '../backends/backend.js';
import type { DatagramSocket, SendCallback } from '../socket/datagram-socket.js';
import { BASE_DATAGRAM_BYTES } from '../connection/datagram-size.js';
import type { EndpointCounters } from '../routing/endpoint-stats.js';

/** Of so many datagrams one tells whether sending works at all. */
const SAMPLE_EVERY = 64;

/** A connection, as far as its datagrams are concerned. */
export interface DatagramSender {
  readonly side: 'client' | 'server';
  readonly remote: TransportAddress;
  /** Where its datagrams come from. */
  readonly local: TransportAddress;
  /** Length of the slot for the next datagram. */
  readonly datagramBytes: number;
  readonly halfOpen: boolean;
  readonly ended: boolean;
  readonly backend: {
    /** Where the last datagram goes, when that is not `remote`. */
    readonly destination: BackendAddress | undefined;
  };
  /** Gives up a handshake; does nothing after it. */
  abandon(error: KwikError): void;
}

/** Hands the datagrams of connections to the socket, and counts them. */
export class DatagramOutput {
  constructor(
    private readonly socket: DatagramSocket,
    private readonly counters: EndpointCounters,
  ) {}

  /** Memory for the next datagram of the connection. */
  slot({ datagramBytes, local }: DatagramSender): Buffer {
    return this.socket.from(local.address).slot(datagramBytes);
  }

  /** The kernel takes no more of its datagrams for now. */
  congested({ local }: DatagramSender): boolean {
    return this.socket.from(local.address).congested();
  }

  /** The first `bytes` of the slot leave, at the end of the round of turns at the latest. */
  submit(sender: DatagramSender, bytes: number): void {
    const { destination } = sender.backend;
    const { remote, local, datagramBytes } = sender;
    const { counts } = this.counters;
    const port = destination === undefined ? remote.port : destination.port;
    const host = destination === undefined ? remote.address : destination.host;
    this.socket.from(local.address).submit(datagramBytes, bytes, port, host, this.callback(sender, bytes));
    counts.datagramsSent += 1;
    counts.bytesSent += bytes;
    // It has no turns any more.
    if (sender.ended) this.socket.flush();
  }

  /** A dial wants to know at once that there is no route. */
  private callback(sender: DatagramSender, bytes: number): SendCallback | undefined {
    const isSample = this.counters.counts.datagramsSent % SAMPLE_EVERY === 0;
    const isDial = sender.halfOpen && sender.side === 'client';
    return isSample || isDial ? (error) => this.handleSent(sender, bytes, error) : undefined;
  }

  private handleSent(sender: DatagramSender, bytes: number, error: NodeJS.ErrnoException | null): void {
    if (error === null) return;
    this.counters.socketError(error.code ?? 'unknown');
    const isTooLong = error.code === 'EMSGSIZE';
    // It was to find out what the path carries, and is lost as it would be further on.
    if (isTooLong && bytes > BASE_DATAGRAM_BYTES) return;
    const { address, port } = sender.remote;
    const why = isTooLong
      ? `the interface takes no datagrams of ${bytes} bytes, without which there is no QUIC (EMSGSIZE); enlarge its MTU`
      : (error.code ?? error.message);
    const text = `cannot send to ${address} port ${port}: ${why}`;
    sender.abandon(new KwikError('ERR_KWIK_CONNECT_FAILED', text, { cause: error }));
  }
}
