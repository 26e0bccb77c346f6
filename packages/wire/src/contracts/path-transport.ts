import type { KwikError } from '../errors/kwik-error.js';

/** A socket address. `family` is `IPv4` or `IPv6`, as in node:dgram. */
export interface TransportAddress {
  readonly address: string;
  readonly port: number;
  readonly family: 'IPv4' | 'IPv6';
}

/** What a transport knows of its connection. All times in milliseconds, all sizes in bytes. */
export interface TransportStats {
  /** Smoothed RTT (RFC 9002, section 5.3); 0 before the first sample. */
  readonly rttMs: number;
  readonly minRttMs: number;
  readonly rttVarMs: number;
  readonly cwndBytes: number;
  /** Sent and neither acknowledged nor declared lost. */
  readonly bytesInFlight: number;
  /** Accepted by `write` and not yet put on the wire. */
  readonly unsentBytes: number;
  /** Estimated rate at which the peer receives, bytes per second; 0 when not known. */
  readonly deliveryRateBytesPerSecond: number;
  readonly sentPackets: number;
  /** Those that could be decrypted; absent where nobody counts them. */
  readonly receivedPackets?: number;
  readonly lostPackets: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Largest UDP payload that is sent, bytes. */
  readonly datagramBytes: number;
}

export interface TransportCloseInfo {
  /** `local` closed it, the `peer` did, it timed out (`idle`), or it could not be kept up (`error`). */
  readonly by: 'local' | 'peer' | 'idle' | 'error';
  /** Application error code of the close, as sent. */
  readonly code: number;
  readonly reason: string;
  readonly error?: KwikError;
}

/** Called by the transport, never re-entrantly from inside a call to the transport, and never after `onClose`. */
export interface TransportStreamHandler {
  /** `chunk` belongs to the callee for good; the transport never writes into it again. */
  onData(chunk: Uint8Array): void;
  /** The peer ended its side; everything it sent was given to `onData`. */
  onEnd(): void;
  onReset(code: number): void;
  onStopSending(code: number): void;
  /** `write` came up short before and can take more now. */
  onWritable(): void;
}

/** One QUIC stream ("real stream"). */
export interface TransportStream {
  readonly id: number;
  readonly unidirectional: boolean;
  readonly openedByPeer: boolean;
  /** Exactly once. Data that came before is delivered after this call returns. */
  attach(handler: TransportStreamHandler): void;
  /**
   * Takes as many bytes of `data` as the stream can take now and returns their count (0 to `data.length`). The bytes
   * are copied: the caller may reuse `data`. After a short count, `onWritable` follows.
   */
  write(data: Uint8Array): number;
  /** Ends the sending side after what was written. */
  end(): void;
  reset(code: number): void;
  stopSending(code: number): void;
  /** While paused no `onData` is called and flow control holds the peer back; reading starts unpaused. */
  pause(): void;
  resume(): void;
}

/** Whose connection it is. */
export interface AcceptedPeer {
  /** The same for all connections of one peer, and for no others. */
  readonly peer: string;
  /** Where something is scarce, all its connections together get so much to the 1 of another: 1 or more. */
  readonly weight: number;
}

export interface PathTransportHandler {
  /** The peer opened a stream. `attach` must be called on it before this returns. */
  onStream(stream: TransportStream): void;
  /** `sendableBytes()` rose to what is worth a write: a datagram or more. */
  onSendable(): void;
  /** Once, last of all calls. Streams of the connection get no call of their own. */
  onClose(info: TransportCloseInfo): void;
}

/**
 * The seam between a session and the network: one connection to one peer, encrypted and authenticated by TLS.
 * Implemented over UDP by @kwik/quic and over virtual time by @kwik/testbed.
 */
export interface PathTransport {
  readonly side: 'client' | 'server';
  readonly local: TransportAddress;
  readonly remote: TransportAddress;
  /** DER certificates that the peer presented, leaf first; empty when it presented none. */
  readonly peerCertificates: readonly Uint8Array[];
  /**
   * What ties proofs to this one connection, 32 bytes, the same at both ends unless somebody sits between them: SHA-256 of
   * the leaf certificate (DER) that the server showed (tls-server-end-point, RFC 5929). A transport without TLS has a
   * stand-in that differs from server to server.
   */
  readonly channelBinding: Uint8Array;
  readonly closed: boolean;
  /**
   * Of a connection that could be used before its peer had answered (0-RTT): resolves with true when the peer has, and with false
   * when the connection ended without a word of it. Absent: the peer had answered before it could be used.
   */
  readonly answered?: Promise<boolean>;
  /** Exactly once. Streams that the peer opened before are announced after this call returns. */
  attach(handler: PathTransportHandler): void;
  /** `undefined` when the peer's stream limit is reached. */
  openStream(options: { unidirectional: boolean }): TransportStream | undefined;
  /**
   * How many more bytes the connection could put on the wire about now: what congestion window and pacing leave, less
   * what was written and not yet sent. It may say 0 while that is less than is worth a write. Cheap enough to ask per
   * packet. A sender that keeps to it binds late.
   */
  sendableBytes(): number;
  /** Milliseconds on the endpoint's clock when anything valid last came from the peer. */
  lastReceivedMs(): number;
  /**
   * Has the peer show, without anything above it noticing, that it is there: `lastReceivedMs()` tells. Where a transport
   * has none, something must be written that the peer answers.
   */
  ping?(): void;
  /**
   * The application knows who the peer is: what it may have unread is no longer held to the little of a stranger. With `whose`
   * it shares one part of the processor with its other connections.
   */
  acceptPeer?(whose?: AcceptedPeer): void;
  /** Cheap: sampled every few milliseconds. */
  stats(): TransportStats;
  /** Sends what was written, then a close frame. `onClose` follows. */
  close(code: number, reason: string): void;
}
