import type { TransportAddress } from '@kwik/wire';
import type { DatagramSource } from '../socket/datagram-socket.js';
import { withoutZone } from '../socket/zone.js';
import type { BackendAddress, BackendConfig, BackendConnection, QuicBackend } from '../backends/backend.js';
import { CONNECTION_ID_BYTES } from '../packets/connection-id.js';
import { type Demultiplexer, initialKey } from './demultiplexer.js';
import type { DropReason, EndpointCounters } from './endpoint-stats.js';
import type { AdmissionControl } from './limits.js';
import {
  hasFixedBit,
  isLongHeader,
  type LongHeader,
  ofOneId,
  parseLongHeader,
  splitPackets,
} from '../packets/packet-header.js';
import type { RetryTokens, TokenBinding } from './retry-token.js';
import { sourceOf } from './source.js';
import type { StatelessReset } from './stateless-reset.js';
import { steerLong, steerShort, type WorkerSteering } from './worker-steering.js';

/** RFC 9000, section 14.1: smaller datagrams with a client's first packet are not served. */
const MIN_INITIAL_DATAGRAM_BYTES = 1200;
/** Answers without state: version negotiation, retry, refusal. */
const MAX_STATELESS_BYTES = 1200;
/** Connections to one address that a packet of no connection is shown to, as it may be their stateless reset. */
const MAX_RESET_CANDIDATES = 4;

/** A connection, as far as its packets are concerned. */
export interface RoutedConnection {
  readonly remote: TransportAddress;
  /** One packet, from `remote` unless said. False when it was not authentic. */
  receive(packet: Uint8Array, now: number, from?: BackendAddress): boolean;
  /** A packet of no connection that may be the stateless reset of this one (RFC 9000, section 10.3.1). */
  receiveReset(packet: Uint8Array): void;
  /** Its peer may be heard from another address. */
  mayMove(now: number): boolean;
}

/** Who listens, as far as clients are concerned that are not let in. */
export interface RoutedListener {
  readonly retry: 'always' | 'underLoad' | 'never';
  readonly config: BackendConfig;
  /** Writes the close frame for a client that finds no room, or nothing when its packet was not even valid; its length. */
  refuse(connection: BackendConnection, datagram: Uint8Array, out: Uint8Array): number;
}

/** Whoever looks after the packets of connections that only pass by. Each says whether it was one of them. */
export interface PassingPackets {
  short(datagram: Uint8Array, from: DatagramSource): boolean;
  long(datagram: Uint8Array, header: LongHeader, from: DatagramSource): boolean;
}

/** What the router needs of its endpoint. */
export interface RouterHost<C extends RoutedConnection, L extends RoutedListener> {
  readonly backend: QuicBackend;
  readonly demultiplexer: Demultiplexer<C>;
  readonly admission: AdmissionControl;
  readonly counters: EndpointCounters;
  readonly tokens: RetryTokens;
  readonly resets: StatelessReset;
  readonly passing: PassingPackets;
  /** Absent where no other process shares the address. */
  readonly steering?: WorkerSteering | undefined;
  /** Absent when nobody listens. */
  acceptor(): L | undefined;
  readonly local: TransportAddress;
  now(): number;
  send(datagram: Uint8Array, to: DatagramSource): void;
  accept(acceptor: L, opening: Opening): C;
  /** Connections that were dialled to this address. */
  dialledTo(address: string, port: number): Iterable<C>;
}

/** A client's first packet that may become a connection. */
export interface Opening {
  readonly from: DatagramSource;
  readonly id: Uint8Array;
  readonly originalId: Uint8Array | undefined;
  /** The connection ids of the client's first packets: of its own choice and, after a Retry, the one that this gave it. */
  readonly firstIds: readonly Uint8Array[];
  readonly initialKey: string;
}

/** Finds out whose each datagram is, and answers those that are nobody's as RFC 9000, section 5.2, says. */
export class PacketRouter<C extends RoutedConnection, L extends RoutedListener> {
  private readonly out = new Uint8Array(MAX_STATELESS_BYTES);

  constructor(private readonly host: RouterHost<C, L>) {}

  /** `handed`: by another worker. Whatever it is, it stays here: no datagram goes in circles. */
  route(datagram: Uint8Array, from: DatagramSource, handed = false): void {
    const { counters } = this.host;
    counters.counts.datagramsReceived += 1;
    counters.counts.bytesReceived += datagram.length;
    const steering = handed ? undefined : this.host.steering;
    if (isLongHeader(datagram)) this.routeLong(datagram, from, steering);
    else if (hasFixedBit(datagram)) this.routeShort(datagram, from, steering);
    else counters.drop('malformed');
  }

  private routeShort(datagram: Uint8Array, from: DatagramSource, steering: WorkerSteering | undefined): void {
    const connection = this.host.demultiplexer.find(datagram, 1);
    if (connection !== undefined) this.deliver(connection, datagram, from);
    else if (!this.host.passing.short(datagram, from)) {
      const steered = steering === undefined ? 'own' : steerShort(steering, datagram, from);
      if (steered === 'own') this.answerUnknown(datagram, from);
      else this.noteSteered(steered);
    }
  }

  private routeLong(datagram: Uint8Array, from: DatagramSource, steering: WorkerSteering | undefined): void {
    const header = parseLongHeader(datagram);
    if (header === undefined) {
      this.drop('malformed');
      return;
    }
    const key = initialKey(header.destinationId, from.address, from.port);
    const known = this.host.demultiplexer.find(header.destinationId, 0) ?? this.host.demultiplexer.findInitial(key);
    if (known !== undefined) this.deliverLong(known, ofOneId(datagram, header.destinationId), from);
    else if (!this.host.passing.long(datagram, header, from)) {
      const steered = steering === undefined ? 'own' : steerLong(steering, datagram, header, from);
      if (steered === 'own') this.open(datagram, header, key, from);
      else this.noteSteered(steered);
    }
  }

  private noteSteered(steered: 'handed' | 'lost'): void {
    if (steered === 'handed') this.host.counters.counts.handedOn += 1;
    else this.drop('otherWorker');
  }

  private deliverLong(connection: C, datagram: Uint8Array, from: DatagramSource): void {
    for (const packet of splitPackets(datagram)) this.deliver(connection, packet, from);
  }

  private deliver(connection: C, packet: Uint8Array, from: DatagramSource): void {
    const { remote } = connection;
    if (from.port === remote.port && from.address === remote.address) connection.receive(packet, this.host.now());
    else if (!isLongHeader(packet) && connection.mayMove(this.host.now())) {
      // RFC 9000, section 9.3: the peer may have moved; whether it has, QUIC says.
      const address = { host: withoutZone(from.address), port: from.port };
      if (!connection.receive(packet, this.host.now(), address)) this.drop('wrongAddress');
    } else this.drop('wrongAddress');
  }

  private open(datagram: Uint8Array, header: LongHeader, key: string, from: DatagramSource): void {
    const { backend } = this.host;
    const acceptor = this.host.acceptor();
    if (acceptor === undefined) this.drop('notListening');
    else if (datagram.length < MIN_INITIAL_DATAGRAM_BYTES) this.drop('smallInitial');
    else if (!backend.versionSupported(header.version)) this.negotiateVersion(header, from);
    else if (header.type !== 'initial') this.drop('unknownConnection');
    else this.openInitial(acceptor, datagram, header, key, from);
  }

  private openInitial(acceptor: L, datagram: Uint8Array, header: LongHeader, key: string, from: DatagramSource): void {
    const originalId = this.provenId(header, from);
    const now = this.host.now();
    const admission = this.host.admission.decide(sourceOf(from.address), originalId !== undefined, acceptor.retry, now);
    switch (admission.kind) {
      case 'accept': {
        // After a Retry the client uses the id that the Retry gave it.
        const id = originalId === undefined ? this.host.demultiplexer.newId() : Uint8Array.from(header.destinationId);
        const firstId = Uint8Array.from(header.destinationId);
        const firstIds = originalId === undefined ? [firstId] : [originalId, firstId];
        const opening = { from, id, originalId, firstIds, initialKey: key };
        this.host.accept(acceptor, opening).receive(ofOneId(datagram, firstId), now);
        return;
      }
      case 'retry':
        this.retry(header, from);
        return;
      case 'refuse':
        this.refuse(acceptor, datagram, from);
        return;
      case 'drop':
        this.drop(admission.reason);
    }
  }

  /** The id of the client's very first packet, when its token proves that it was sent a Retry here. */
  private provenId(header: LongHeader, from: DatagramSource): Uint8Array | undefined {
    if (header.token.length === 0) return undefined;
    const verdict = this.host.tokens.verify(header.token, binding(from, header.destinationId), Date.now());
    if (verdict.kind === 'valid' && header.destinationId.length === CONNECTION_ID_BYTES) return verdict.originalId;
    // RFC 9000, section 8.1.3: a token that cannot be validated is treated as if there were none.
    this.drop('badToken');
    return undefined;
  }

  private retry(header: LongHeader, from: DatagramSource): void {
    if (!this.mayAnswer()) return;
    const newSourceId = this.host.demultiplexer.newId();
    const token = this.host.tokens.issue(binding(from, newSourceId), header.destinationId, Date.now());
    const bytes = this.host.backend.writeRetry(
      {
        clientSourceId: header.sourceId,
        clientDestinationId: header.destinationId,
        newSourceId,
        token,
        version: header.version,
      },
      this.out,
    );
    this.host.counters.counts.retriesSent += 1;
    this.answer(bytes, from);
  }

  private negotiateVersion(header: LongHeader, from: DatagramSource): void {
    if (!this.mayAnswer()) return;
    const bytes = this.host.backend.writeVersionNegotiation(header.sourceId, header.destinationId, this.out);
    this.host.counters.counts.versionNegotiationsSent += 1;
    this.answer(bytes, from);
  }

  private refuse(acceptor: L, datagram: Uint8Array, from: DatagramSource): void {
    this.host.counters.counts.refused += 1;
    if (!this.mayAnswer()) return;
    const { backend, demultiplexer, local } = this.host;
    const connection = backend.accept({
      sourceId: demultiplexer.newId(),
      local: { host: withoutZone(local.address), port: local.port },
      remote: { host: withoutZone(from.address), port: from.port },
      config: acceptor.config,
    });
    const bytes = acceptor.refuse(connection, datagram, this.out);
    if (bytes > 0) this.answer(bytes, from);
  }

  /** A short-header packet of no connection: perhaps a reset for one of ours, else to be reset itself. */
  private answerUnknown(datagram: Uint8Array, from: DatagramSource): void {
    this.drop('unknownConnection');
    let shown = 0;
    for (const candidate of this.host.dialledTo(from.address, from.port)) {
      // A copy, for trying to decrypt it changes it.
      candidate.receiveReset(Uint8Array.from(datagram));
      shown += 1;
      if (shown === MAX_RESET_CANDIDATES) break;
    }
    if (shown > 0 || this.host.acceptor() === undefined || datagram.length <= CONNECTION_ID_BYTES) return;
    const reset = this.host.resets.packetFor(datagram.slice(1, 1 + CONNECTION_ID_BYTES), datagram.length);
    if (reset === undefined || !this.mayAnswer()) return;
    this.host.counters.counts.resetsSent += 1;
    this.host.send(reset, from);
  }

  private mayAnswer(): boolean {
    if (this.host.admission.mayAnswer(this.host.now())) return true;
    this.drop('answerRate');
    return false;
  }

  /** A copy: the socket may hold it for a while. */
  private answer(bytes: number, to: DatagramSource): void {
    this.host.send(this.out.slice(0, bytes), to);
  }

  private drop(reason: DropReason): void {
    this.host.counters.drop(reason);
  }
}

function binding(from: DatagramSource, retryId: Uint8Array): TokenBinding {
  return { address: from.address, port: from.port, retryId };
}
