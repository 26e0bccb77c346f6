import type { KwikError, TransportAddress, TransportCloseInfo } from '@kwik/wire';
import type { ResolvedTransport } from './transport-options.js';
import type { ReceiveSlab } from './receive-slab.js';
import type { BlockPool } from './byte-queue.js';
import type { ProcessorHost } from './processor-account.js';
import type { PieceCount } from './small-pieces.js';

/** What a connection needs of its endpoint. */
export interface ConnectionHost<C> extends ProcessorHost {
  /** Milliseconds on the endpoint's clock. */
  now(): number;
  readonly slab: ReceiveSlab;
  readonly blocks: BlockPool;
  /** Small pieces of unread data, of all connections. */
  readonly pieces: PieceCount;
  /** Asks for a turn soon; never calls back at once. */
  wake(connection: C): void;
  /** Asks for a turn at `dueMs`, or soon if that is not later than `now`. */
  wakeBy(connection: C, dueMs: number, now: number): void;
  /** Memory for the next datagram. */
  slot(connection: C): Buffer;
  submit(connection: C, bytes: number): void;
  congested(connection: C): boolean;
  /** The connection has ended; packets may still come for a while. */
  ended(connection: C): void;
}

/** The part that differs between the two sides of a handshake. */
export interface HandshakeParty<C> {
  /** The leaf certificate that the server of this connection has shown, DER; undefined when it has shown none. */
  serverLeaf(connection: C): Uint8Array | undefined;
  /** TLS is through. An error refuses the peer, who is told `tlsAlert`. */
  check(connection: C): { readonly error: KwikError; readonly tlsAlert: number } | undefined;
  /**
   * Whether it may be used before TLS is through, for what may come twice (0-RTT; RFC 9001, section 9.2). Asked until it says
   * so. Absent: never.
   */
  startsEarly?(connection: C): boolean;
  /** TLS is through, and the peer was found good. */
  completed(connection: C): void;
  /** The connection may be used: the call after `completed`, or long before it. */
  opened(connection: C): void;
  /** It never will be, or may be no longer: why, if that is known better than by `info`. */
  failed(connection: C, info: TransportCloseInfo, refusal: KwikError | undefined): KwikError | undefined;
  /** The server has given a ticket. Asked in turns of the open connection, until it has been taken. Absent: nobody wants one. */
  takeTicket?(connection: C): boolean;
  /** Whether more than the end of TLS is needed: a word from the peer after it. */
  readonly awaitsPeer: boolean;
}

export interface ConnectionSettings {
  readonly side: 'client' | 'server';
  readonly local: TransportAddress;
  readonly remote: TransportAddress;
  /** The connection id that the peer sends to. */
  readonly id: Uint8Array;
  readonly transport: ResolvedTransport;
  /** When the handshake must be done, ms on the endpoint's clock. */
  readonly handshakeDeadlineMs: number;
  readonly onHandshakeTimeout: () => KwikError;
  /** Stream data that may lie unread before `PathTransport.acceptPeer`; absent when only flow control bounds it. */
  readonly strangerBytes?: number;
  /**
   * Whose part of the processor it has until `PathTransport.acceptPeer`. With one of its own whoever opens many connections would
   * leave little to those that are known. Absent: one of its own.
   */
  readonly stranger?: string;
}
