import { createHash } from 'node:crypto';
import { KwikError } from '@kwik/wire';
import type { BackendConnection } from '../backends/backend.js';
import { isLongHeader } from '../packets/packet-header.js';
import type { ConnectionSettings, HandshakeParty } from './connection-types.js';

/** RFC 9000, section 20.1; TLS alerts are added to CRYPTO_ERROR. */
const CRYPTO_ERROR = 0x100;
const CRYPTO_BUFFER_EXCEEDED = 0x0d;
/** Certificate chains take a few kilobytes; retransmissions some more. The backend itself sets no bound. */
const MAX_HANDSHAKE_BYTES = 256 * 1024;

/** What became of a handshake so far; `failed` tells the peer `transportCode`. */
export type HandshakeStep =
  | { readonly kind: 'waiting' | 'early' | 'done' }
  | { readonly kind: 'failed'; readonly error: KwikError; readonly transportCode: number };

const NO_CERTIFICATE = new Uint8Array(0);
const WAITING: HandshakeStep = { kind: 'waiting' };
const EARLY: HandshakeStep = { kind: 'early' };
const DONE: HandshakeStep = { kind: 'done' };

/** What the handshake finds out about the peer. */
export interface PeerIdentity {
  peerCertificates: readonly Uint8Array[];
  channelBinding: Uint8Array;
}

/** From the first packet to a connection that may be used: TLS, the check of the peer, and a time limit. */
export class Handshake<C extends PeerIdentity> {
  private peerSpoke = false;
  /** The packet at hand says so, if it is authentic. */
  private isVerdict = false;
  private early = false;
  private done = false;
  private ticketDue = true;

  constructor(
    private readonly backend: BackendConnection,
    private readonly settings: ConnectionSettings,
    private readonly party: HandshakeParty<C>,
  ) {}

  /** It is not complete, though the connection may be used already. */
  get pending(): boolean {
    return !this.done;
  }

  /** A server that was not found good is not heard. */
  get mayRead(): boolean {
    return this.done || this.settings.side === 'server';
  }

  get deadlineMs(): number {
    return this.done ? Infinity : this.settings.handshakeDeadlineMs;
  }

  /** Before a packet is handed to the backend. */
  beforePacket(packet: Uint8Array): void {
    // A 1-RTT packet after the end of TLS: the server has judged the client's certificate, or says in it that it has.
    this.isVerdict = !this.peerSpoke && !isLongHeader(packet) && this.backend.established();
  }

  /** The packet was authentic. */
  onPacketTaken(): void {
    if (this.isVerdict) this.peerSpoke = true;
  }

  /** `isOver`: nothing more comes. A peer that closed at once is judged all the same, before anybody hears what it said. */
  step(connection: C, receivedBytes: number, now: number, isOver: boolean): HandshakeStep {
    if (isOver && !this.backend.established()) return WAITING;
    if (receivedBytes > MAX_HANDSHAKE_BYTES) {
      const error = new KwikError('ERR_KWIK_EXCESSIVE_LOAD', `a handshake of more than ${MAX_HANDSHAKE_BYTES} bytes`);
      return { kind: 'failed', error, transportCode: CRYPTO_BUFFER_EXCEEDED };
    }
    if (!this.backend.established()) {
      if (now < this.deadlineMs) return this.startsEarly(connection) ? EARLY : WAITING;
      return { kind: 'failed', error: this.settings.onHandshakeTimeout(), transportCode: 0 };
    }
    if (this.party.awaitsPeer && !this.peerSpoke) return WAITING;
    connection.peerCertificates = this.backend.peerCertificates();
    const refusal = this.party.check(connection);
    if (refusal === undefined) {
      this.bind(connection);
      this.done = true;
      return DONE;
    }
    return { kind: 'failed', error: refusal.error, transportCode: CRYPTO_ERROR + refusal.tlsAlert };
  }

  /** In a turn of the open connection. */
  collectTicket(connection: C): void {
    if (this.done && this.ticketDue) this.ticketDue = this.party.takeTicket?.(connection) === false;
  }

  private startsEarly(connection: C): boolean {
    if (this.early || this.party.startsEarly?.(connection) !== true) return false;
    this.early = true;
    this.bind(connection);
    return true;
  }

  private bind(connection: C): void {
    connection.channelBinding = sha256(this.party.serverLeaf(connection) ?? NO_CERTIFICATE);
  }
}

/** tls-server-end-point (RFC 5929), always with SHA-256. */
function sha256(leaf: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(leaf).digest());
}
