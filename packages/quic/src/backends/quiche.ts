// Before the binding, whose own message says less.
import './native-support.js';
import { KwikError } from '@kwik/wire';
import quiche from '@matrixai/quic/native/quiche.js';
import { isLongHeader, restartsHandshake } from '../packets/packet-header.js';
import { OpenedPackets } from './opened-packets.js';
import { QuicheConfig } from './quiche-config.js';
import type { Config, Connection, ConnectionError, RecvInfo, Shutdown } from '@matrixai/quic/native/types.js';
import type {
  BackendAcceptOptions,
  BackendAddress,
  BackendCloseReason,
  BackendConfig,
  BackendConnection,
  BackendConnectOptions,
  BackendPathStats,
  QuicBackend,
  Received,
  RetryPacket,
  StreamReadResult,
  StreamRefusal,
} from './backend.js';
import type { KeyLog } from '../tls/key-log.js';

/** quiche numbers stream urgency 0 to 255, 0 goes first; its own default. */
const DEFAULT_URGENCY = 127;
/**
 * Of what the backend holds, at most one turn's, a conversation goes first, its streams packet by packet in turn. One-way
 * streams follow one after the other: what a peer reads of each is then long, and not a packet each of all of them.
 */
const BIDIRECTIONAL_URGENCY = DEFAULT_URGENCY - 1;

const STREAM_ERROR = /^Stream(Stopped|Reset)\((\d+)\)/;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** On `@matrixai/quic`'s native binding to quiche 0.18. `keyLog`: where TLS secrets go, while they are wanted. */
export function quicheWith(keyLog: KeyLog): QuicBackend {
  return {
    name: 'quiche',
    versionSupported: (version) => quiche.versionIsSupported(version),
    createConfig: (options) => new QuicheConfig(options, keyLog.wanted),
    connect: (options) => new QuicheConnection(keyLog.watch(connect(options)), recvInfo(options)),
    accept: (options) => new QuicheConnection(keyLog.watch(accept(options)), recvInfo(options)),
    writeVersionNegotiation: (scid, dcid, out) => quiche.negotiateVersion(scid, dcid, out),
    writeRetry: (packet: RetryPacket, out) =>
      quiche.retry(
        packet.clientSourceId,
        packet.clientDestinationId,
        packet.newSourceId,
        packet.token,
        packet.version,
        out,
      ),
  };
}

function nativeConfig(config: BackendConfig): Config {
  if (!(config instanceof QuicheConfig))
    throw new KwikError('ERR_KWIK_INTERNAL', 'the configuration belongs to another backend');
  return config.native;
}

function connect(options: BackendConnectOptions): Connection {
  const { serverName, sourceId, local, remote, config, session } = options;
  const connection = quiche.Connection.connect(serverName ?? null, sourceId, local, remote, nativeConfig(config));
  if (session !== undefined) connection.setSession(session);
  return connection;
}

function accept(options: BackendAcceptOptions): Connection {
  const { sourceId, originalId, local, remote, config } = options;
  return quiche.Connection.accept(sourceId, originalId ?? null, local, remote, nativeConfig(config));
}

function recvInfo(options: BackendConnectOptions | BackendAcceptOptions): RecvInfo {
  return { from: options.remote, to: options.local };
}

class QuicheConnection implements BackendConnection {
  destination: BackendAddress | undefined;
  private readonly opened = new OpenedPackets();
  /** The handshake was complete before the last packet came. */
  private hasKeys = false;
  /** The peer has sent from more than one address. */
  private roams = false;

  constructor(
    private readonly native: Connection,
    private info: RecvInfo,
  ) {}

  get framesFrom(): number {
    return this.opened.framesFrom;
  }

  get framesTo(): number {
    return this.opened.framesTo;
  }

  receive(datagram: Uint8Array, from?: BackendAddress): Received {
    const isShort = !isLongHeader(datagram);
    this.hasKeys ||= this.native.isEstablished();
    // Asking for the count is dear, but these are few, or nobody's.
    const before = isShort && this.hasKeys ? -1 : this.native.stats().recv;
    this.opened.forget();
    try {
      this.native.recv(datagram, from === undefined ? this.info : { from, to: this.info.to });
    } catch {
      return 'failed';
    }
    if (before >= 0 && this.native.stats().recv === before) {
      // quiche does not count these.
      return !isShort && !this.hasKeys && restartsHandshake(datagram) ? 'restarted' : 'ignored';
    }
    // In handshakes the count has told; what it was told is remembered, lest the packet count again later.
    if (isShort && !this.opened.take(datagram)) return 'ignored';
    if (from !== undefined) this.notePeer();
    return 'taken';
  }

  peerAddress(): BackendAddress {
    return this.info.from;
  }

  send(out: Uint8Array): number {
    try {
      return this.written(this.native.send(out));
    } catch {
      // A failed handshake throws once; the next call writes its close frame.
      return this.sendAfterFailure(out);
    }
  }

  timeoutMs(): number | undefined {
    return this.native.timeout() ?? undefined;
  }

  onTimeout(): void {
    this.native.onTimeout();
  }

  established(): boolean {
    return this.native.isEstablished();
  }

  draining(): boolean {
    return this.native.isDraining();
  }

  closed(): boolean {
    return this.native.isClosed();
  }

  timedOut(): boolean {
    return this.native.isTimedOut();
  }

  resumed(): boolean {
    return this.native.isResumed();
  }

  inEarlyData(): boolean {
    return this.native.isInEarlyData();
  }

  session(): Uint8Array | undefined {
    return this.native.session() ?? undefined;
  }

  localError(): BackendCloseReason | undefined {
    return closeReason(this.native.localError());
  }

  peerError(): BackendCloseReason | undefined {
    return closeReason(this.native.peerError());
  }

  close(application: boolean, code: number, reason: string): void {
    this.native.close(application, code, encoder.encode(reason));
  }

  peerCertificates(): Uint8Array[] {
    return this.native.peerCertChain() ?? [];
  }

  applicationProtocol(): string {
    return decoder.decode(this.native.applicationProto());
  }

  streamFinished(id: number): boolean {
    return this.native.streamFinished(id);
  }

  isReadable(): boolean {
    return this.native.isReadable();
  }

  readableStreams(): Iterable<number> {
    return this.native.readable();
  }

  streamReceive(id: number, out: Uint8Array, result: StreamReadResult): void {
    result.bytes = -1;
    result.fin = false;
    result.resetCode = -1;
    try {
      const read = this.native.streamRecv(id, out);
      if (read === null) return;
      result.bytes = read[0];
      result.fin = read[1];
    } catch (error) {
      const refusal = streamRefusal(error);
      if (refusal.kind === 'stopped') result.resetCode = refusal.code;
    }
  }

  streamSend(id: number, data: Uint8Array, fin: boolean): number | StreamRefusal {
    try {
      return this.native.streamSend(id, data, fin) ?? 0;
    } catch (error) {
      return streamRefusal(error);
    }
  }

  streamCapacity(id: number): number | StreamRefusal {
    try {
      const capacity = this.native.streamCapacity(id);
      // While probes are due quiche reports no bound at all, which the binding turns into -1.
      return capacity < 0 ? 0 : capacity;
    } catch (error) {
      return streamRefusal(error);
    }
  }

  streamReset(id: number, code: number): void {
    this.shutdown(id, quiche.Shutdown.Write, code);
  }

  streamStop(id: number, code: number): void {
    this.shutdown(id, quiche.Shutdown.Read, code);
  }

  streamsLeft(unidirectional: boolean): number {
    return unidirectional ? this.native.peerStreamsLeftUni() : this.native.peerStreamsLeftBidi();
  }

  createStream(id: number): boolean {
    try {
      // Setting the priority creates the stream.
      const isBidirectional = (id & 2) === 0;
      this.native.streamPriority(id, isBidirectional ? BIDIRECTIONAL_URGENCY : DEFAULT_URGENCY, isBidirectional);
      return true;
    } catch {
      return false;
    }
  }

  elicitAcknowledgement(): void {
    this.native.sendAckEliciting();
  }

  pathStats(): BackendPathStats | undefined {
    const paths = this.native.pathStats();
    const path = this.roams ? paths.find(({ active }) => active) : paths[0];
    if (path === undefined) return undefined;
    // Counts go on from one address to the next; RTT and window are the current one's.
    const counts = this.roams ? this.native.stats() : path;
    return {
      rttMs: path.rtt,
      cwndBytes: path.cwnd,
      deliveryRateBytesPerSecond: path.deliveryRate,
      sentPackets: counts.sent,
      receivedPackets: counts.recv,
      lostPackets: counts.lost,
      lostBytes: counts.lostBytes,
      sentBytes: counts.sentBytes,
      receivedBytes: counts.recvBytes,
      retransmittedBytes: counts.streamRetransBytes,
    };
  }

  private sendAfterFailure(out: Uint8Array): number {
    try {
      return this.written(this.native.send(out));
    } catch {
      return 0;
    }
  }

  private written(sent: ReturnType<Connection['send']>): number {
    if (sent === null) return 0;
    if (this.roams) {
      const { to } = sent[1];
      const { from } = this.info;
      this.destination = to.port === from.port && to.host === from.host ? undefined : to;
    }
    return sent[0];
  }

  /** quiche follows a peer to the address of its newest packet, and validates it; until then it sends little there. */
  private notePeer(): void {
    this.roams = true;
    const active = this.native.pathStats().find((path) => path.active);
    if (active !== undefined) this.info = { from: active.peerHost, to: this.info.to };
  }

  private shutdown(id: number, direction: Shutdown, code: number): void {
    try {
      this.native.streamShutdown(id, direction, code);
    } catch {
      // Already finished on both sides: nothing is left to stop.
    }
  }
}

function closeReason(error: ConnectionError | null): BackendCloseReason | undefined {
  if (error === null) return undefined;
  return { application: error.isApp, code: error.errorCode, reason: decoder.decode(error.reason) };
}

/** The binding's errors are quiche's names as text: `StreamStopped(7)`, `StreamReset(7)`, `InvalidStreamState(4)`. */
function streamRefusal(error: unknown): StreamRefusal {
  // Not `instanceof Error`: the binding throws errors of the main realm, also into a vm context (as Jest's are).
  const match = STREAM_ERROR.exec(String((error as { message?: unknown }).message));
  return match === null ? { kind: 'gone' } : { kind: 'stopped', code: Number(match[2]) };
}
