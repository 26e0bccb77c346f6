import type { PacketNumber } from '@kwik/wire';
import { earlierTime } from '../waiting/earlier-time.js';
import type { PathConnection } from './path-connection.js';

/** For requests of the peer that were under way when it had not heard of the new connection: so long, or some round trips. */
const CROSSING_MS = 200;
const CROSSING_RTTS = 3;
/** By then the connection before is closed, whatever it still has to bring; the client has the first word. */
const CLIENT_ENDS_MS = 30_000;
const SERVER_ENDS_MS = 45_000;
/** For acknowledgements that are under way on the new connection when the one before is gone. */
const GRACE_MS = 2000;

/** What is to be known of what this end sent. */
interface Unacknowledged {
  oldest(): { readonly pn: PacketNumber } | undefined;
}

/**
 * The end of a path's connection when another one has taken its place. What is under way on it arrives there, for QUIC sends
 * it again where it must, and what is asked is answered there. An end that has nothing under way on it any more ends its
 * control stream, the client first; when the server has ended its own the client closes the connection.
 */
export class Handover {
  readonly connection: PathConnection;
  /** The first packet that went on the new connection. */
  readonly #firstNew: PacketNumber;
  readonly #isClient: boolean;
  readonly #settledMs: number;
  readonly #endsMs: number;
  #ended = false;
  #peerEnded = false;
  #goneMs: number | undefined;

  constructor(connection: PathConnection, firstNew: PacketNumber, now: number, rttMs: number) {
    this.connection = connection;
    this.#firstNew = firstNew;
    this.#isClient = connection.port.transport.side === 'client';
    this.#settledMs = now + Math.max(CROSSING_MS, CROSSING_RTTS * rttMs);
    this.#endsMs = now + (this.#isClient ? CLIENT_ENDS_MS : SERVER_ENDS_MS);
  }

  /** Neither end has anything to do with the connection any more; the client, which closes it, may know that first. */
  get ended(): boolean {
    return this.#goneMs !== undefined || (this.#ended && this.#peerEnded);
  }

  /** The peer has nothing to send on it any more. */
  onPeerEnded(): void {
    this.#peerEnded = true;
  }

  /** The connection is closed, by whomever. */
  onGone(now: number): void {
    this.#goneMs ??= now;
  }

  /** Call after everything that may have changed. `over`: forget it. `lost`: what was under way on it did not arrive. */
  poll(sent: Unacknowledged, now: number): 'waits' | 'over' | 'lost' {
    const oldest = sent.oldest();
    const arrived = oldest === undefined || oldest.pn >= this.#firstNew;
    if (this.#goneMs !== undefined) {
      if (arrived) return 'over';
      return now < this.#goneMs + GRACE_MS ? 'waits' : 'lost';
    }
    const mayEnd = arrived && now >= this.#settledMs && (this.#isClient || this.#peerEnded);
    if (mayEnd && !this.#ended && this.connection.settled) {
      this.#ended = true;
      this.connection.port.control?.end();
    }
    if ((this.#isClient && this.#ended && this.#peerEnded) || now >= this.#endsMs) this.#close(now);
    return 'waits';
  }

  /** When it is to be polled at the latest. */
  nextTimeoutMs(now: number): number {
    if (this.#goneMs !== undefined) return this.#goneMs + GRACE_MS;
    return earlierTime(now < this.#settledMs ? this.#settledMs : undefined, this.#endsMs)!;
  }

  #close(now: number): void {
    this.#goneMs = now;
    this.connection.port.close(0, 'the path has another connection');
  }
}
