/**
 * What a QUIC implementation must offer to this package. Nothing above this file knows which one is used: packets go in
 * and out as bytes, time is asked for, and sockets belong to the endpoint. `backends/quiche.ts` is the one in use.
 */

export interface BackendAddress {
  readonly host: string;
  readonly port: number;
}

/** Transport settings with all defaults filled in. Sizes in bytes, times in milliseconds. */
export interface BackendTransport {
  readonly congestionControl: 'bbr' | 'cubic' | 'reno';
  /** No datagram is longer. */
  readonly datagramBytes: number;
  readonly idleTimeoutMs: number;
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  readonly maxBidiStreams: number;
  readonly maxUniStreams: number;
  /** Of a sender whose path is known. Default: the backend's own. */
  readonly firstWindowBytes?: number;
}

export interface BackendConfigOptions {
  readonly alpn: readonly string[];
  readonly transport: BackendTransport;
  /**
   * `chain`: the peer's certificate must lead to `ca`. `request`: it may have none. `any`: it must have one, and TLS
   * accepts any. `none`: TLS asks a client for none, and accepts any of a server.
   */
  readonly verify: 'chain' | 'request' | 'any' | 'none';
  readonly caPem?: Uint8Array;
  readonly certPem?: Uint8Array;
  readonly keyPem?: Uint8Array;
  /** A client asks for 0-RTT when it resumes a session; a server allows it in the tickets that it gives. Default: false. */
  readonly earlyData?: boolean;
}

/** Settings prepared once (certificates parsed) and used for many connections. */
export interface BackendConfig {
  /** Stateless reset token (16 bytes) of the next connection that is accepted. */
  setResetToken(token: Uint8Array): void;
  /** A server seals its tickets with this key (48 bytes) from now on, and opens only those that were sealed with it. */
  setTicketKey(key: Uint8Array): void;
}

export interface BackendConnectOptions {
  /** Name for SNI and for the check of the certificate; absent for IP addresses. */
  readonly serverName?: string;
  readonly sourceId: Uint8Array;
  readonly local: BackendAddress;
  readonly remote: BackendAddress;
  readonly config: BackendConfig;
  /** A session to resume, as `BackendConnection.session` of an earlier connection gave it. */
  readonly session?: Uint8Array;
}

export interface BackendAcceptOptions {
  readonly sourceId: Uint8Array;
  /** Connection id of the first Initial when a Retry came between. */
  readonly originalId?: Uint8Array;
  readonly local: BackendAddress;
  readonly remote: BackendAddress;
  readonly config: BackendConfig;
}

/** Why a connection ended, as in its CONNECTION_CLOSE frame. */
export interface BackendCloseReason {
  readonly application: boolean;
  readonly code: number;
  readonly reason: string;
}

/** Filled in by `streamReceive`, so that reading allocates nothing but data. */
export interface StreamReadResult {
  /** Bytes written into the buffer; -1 when there is nothing to read. */
  bytes: number;
  fin: boolean;
  /** Code of a RESET_STREAM; -1 when there was none. */
  resetCode: number;
}

/** `stopped`: the peer asked to stop, with `code`. `gone`: the stream exists no more, or its limit is reached. */
export type StreamRefusal = { readonly kind: 'stopped'; readonly code: number } | { readonly kind: 'gone' };

export interface BackendPathStats {
  /** Smoothed RTT; what a whole-millisecond counter says, rounded down. */
  readonly rttMs: number;
  readonly cwndBytes: number;
  readonly deliveryRateBytesPerSecond: number;
  readonly sentPackets: number;
  readonly receivedPackets: number;
  readonly lostPackets: number;
  readonly lostBytes: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Stream bytes that were queued to be sent once more. */
  readonly retransmittedBytes: number;
}

/**
 * `taken`: authentic, and new. `ignored`: neither (RFC 9000, section 5.2), so that anybody may have sent it.
 * `failed`: the connection failed over it; see `localError`. `restarted`: it may have had the client begin anew, as Retry
 * and Version Negotiation packets do, which no key protects; something may have to be sent.
 */
export type Received = 'taken' | 'ignored' | 'failed' | 'restarted';

export interface BackendConnection {
  /** Takes one datagram and may decrypt it in place. `from`: where it came from, when not from `peerAddress`. */
  receive(datagram: Uint8Array, from?: BackendAddress): Received;
  /** Where in the datagram that was taken last its frames are, decrypted; -1 when they cannot be seen. */
  readonly framesFrom: number;
  readonly framesTo: number;
  /** Where the peer is; it may have moved (RFC 9000, section 9.3). */
  peerAddress(): BackendAddress;
  /** Where the datagram that `send` wrote last goes, when that is not where the peer is known to be. */
  readonly destination: BackendAddress | undefined;
  /** Writes the next datagram into `out` and returns its length; 0 when there is nothing to send. */
  send(out: Uint8Array): number;
  /** Milliseconds until `onTimeout` wants to be called. */
  timeoutMs(): number | undefined;
  onTimeout(): void;

  established(): boolean;
  /** Closing or draining: nothing more comes or goes. */
  draining(): boolean;
  closed(): boolean;
  timedOut(): boolean;
  /** The peer was not asked for its certificate: it has shown that it holds the secret of an earlier session. */
  resumed(): boolean;
  /** 0-RTT is under way (RFC 9001, section 4.6): data can go or come, and the handshake is not complete. */
  inEarlyData(): boolean;
  /** At a client, once the server has given a ticket: what resumes this session. */
  session(): Uint8Array | undefined;
  localError(): BackendCloseReason | undefined;
  peerError(): BackendCloseReason | undefined;
  close(application: boolean, code: number, reason: string): void;

  /** DER, leaf first. */
  peerCertificates(): Uint8Array[];
  applicationProtocol(): string;

  /** Nothing more can come on the stream, or it does not exist. */
  streamFinished(id: number): boolean;
  isReadable(): boolean;
  readableStreams(): Iterable<number>;
  streamReceive(id: number, out: Uint8Array, result: StreamReadResult): void;
  /** Bytes taken, 0 to `data.length`. `fin` counts only when all of `data` was taken. */
  streamSend(id: number, data: Uint8Array, fin: boolean): number | StreamRefusal;
  /** What `streamSend` would take now: flow control and congestion window, not what waits for pacing. */
  streamCapacity(id: number): number | StreamRefusal;
  streamReset(id: number, code: number): void;
  streamStop(id: number, code: number): void;
  /** Streams of the kind that may still be opened. */
  streamsLeft(unidirectional: boolean): number;
  createStream(id: number): boolean;

  pathStats(): BackendPathStats | undefined;
  /** The next packet asks for an acknowledgement, though there be nothing to send. */
  elicitAcknowledgement(): void;
}

export interface QuicBackend {
  readonly name: string;
  versionSupported(version: number): boolean;
  createConfig(options: BackendConfigOptions): BackendConfig;
  connect(options: BackendConnectOptions): BackendConnection;
  accept(options: BackendAcceptOptions): BackendConnection;
  /** Writes a Version Negotiation packet (RFC 9000, section 17.2.1) and returns its length. */
  writeVersionNegotiation(clientSourceId: Uint8Array, clientDestinationId: Uint8Array, out: Uint8Array): number;
  /** Writes a Retry packet (RFC 9000, section 17.2.5) and returns its length. */
  writeRetry(options: RetryPacket, out: Uint8Array): number;
}

export interface RetryPacket {
  readonly clientSourceId: Uint8Array;
  readonly clientDestinationId: Uint8Array;
  readonly newSourceId: Uint8Array;
  readonly token: Uint8Array;
  readonly version: number;
}
