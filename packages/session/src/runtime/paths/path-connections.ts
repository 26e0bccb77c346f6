import { KwikError, type Clock, type TransportCloseInfo, type TransportStats } from '@kwik/wire';
import type { DataPath } from '../../core/data/data-path.js';
import { addCounts, NOTHING_COUNTED, type ConnectionCounts } from './connection-counts.js';
import { Handover } from './handover.js';
import { generationOf, PathConnection, type PathConnectionOwner } from './path-connection.js';
import type { PathPort } from './path-port.js';

/** What the path does with what its connections bring. */
export interface ConnectionsOwner
  extends Omit<PathConnectionOwner, 'onUsed' | 'onControlEnd' | 'onClosed' | 'onFailure'> {
  /** The data plane of the path. */
  readonly data: DataPath;
  readonly rttMs: number;
  /** Another connection has taken the place of the one before. */
  onRenewed(): void;
  onControlFailure(error: KwikError): void;
  onClose(info: TransportCloseInfo): void;
}

/**
 * The connections of one path. It has one, until its keys have been used for long: then the client brings another one under
 * the same number, and for a while there are two. New things go out on the new one, and what is under way on the other
 * arrives there (`Handover`).
 *
 * A server does not know whether the client has taken its answer to the handshake. So it waits with a new connection until
 * the client uses it.
 */
export class PathConnections implements PathConnectionOwner {
  readonly #address: string;
  readonly #clock: Clock;
  readonly #path: ConnectionsOwner;
  #current: PathConnection;
  /** Of a server: what the client has not used yet. */
  #offered: PathConnection | undefined;
  #handover: Handover | undefined;
  #lastStats: TransportStats;
  /** Of connections that are gone. */
  #gone: ConnectionCounts = NOTHING_COUNTED;
  /** Of the one that is about to go. */
  #countsBefore: ConnectionCounts = NOTHING_COUNTED;
  #keysSinceMs: number;

  constructor(port: PathPort, address: string, clock: Clock, path: ConnectionsOwner) {
    this.#address = address;
    this.#clock = clock;
    this.#path = path;
    this.#current = new PathConnection(port, 0, address, clock, this);
    this.#lastStats = port.transport.stats();
    this.#keysSinceMs = clock.now();
  }

  get current(): PathConnection {
    return this.#current;
  }

  /** The connection on which the message came; undefined: it is gone. */
  of(messageId: bigint): PathConnection | undefined {
    const generation = generationOf(messageId);
    if (this.#current.generation === generation) return this.#current;
    return this.#handover?.connection.generation === generation ? this.#handover.connection : undefined;
  }

  // --- What they count ---

  /** Of the one that is used, as it was when it was last looked at. */
  get lastStats(): TransportStats {
    return this.#lastStats;
  }

  sample(): TransportStats {
    if (!this.#current.port.transport.closed) this.#lastStats = this.#current.port.transport.stats();
    return this.#lastStats;
  }

  /** Of all together. */
  get counts(): ConnectionCounts {
    const before = this.#handover === undefined ? this.#gone : addCounts(this.#gone, this.#countsOfOld());
    return addCounts(before, this.#lastStats);
  }

  /** Under the keys in use. */
  get sentPackets(): number {
    return this.#lastStats.sentPackets;
  }

  /** Packets under the keys in use: sent or received, whichever are more. */
  get keyPackets(): number {
    const { sentPackets, receivedPackets = 0 } = this.#lastStats;
    return Math.max(sentPackets, receivedPackets);
  }

  get keysSinceMs(): number {
    return this.#keysSinceMs;
  }

  /** Connections that have taken the place of others. */
  get renewals(): number {
    return this.#current.generation;
  }

  // --- Another one ---

  /** Whether another one may take the place of this one now: there are never three. */
  get renewable(): boolean {
    return this.#handover?.ended ?? true;
  }

  /** Of a client: from now on the path uses this one. */
  renew(port: PathPort): void {
    const connection = this.#connection(port);
    this.#use(connection);
    connection.start();
  }

  /** Of a server: when the client uses this one, the path does. */
  offer(port: PathPort): void {
    this.#offered?.leave();
    this.#offered?.port.close(0, 'the client came again');
    const connection = this.#connection(port);
    this.#offered = connection;
    connection.start();
  }

  #use(connection: PathConnection): void {
    const { data, rttMs } = this.#path;
    this.sample();
    this.#letGo();
    this.#offered = undefined;
    const now = this.#clock.now();
    this.#countsBefore = this.#lastStats;
    this.#handover = new Handover(this.#current, data.sent.upcoming, now, rttMs);
    this.#current = connection;
    this.#keysSinceMs = now;
    this.#lastStats = connection.port.transport.stats();
    this.#path.onRenewed();
  }

  /** `lost`: what was under way on the connection before did not arrive. */
  poll(now: number): 'well' | 'lost' {
    const verdict = this.#handover?.poll(this.#path.data.sent, now);
    if (verdict === 'over') this.#letGo();
    return verdict === 'lost' ? 'lost' : 'well';
  }

  nextTimeoutMs(now: number): number | undefined {
    return this.#handover?.nextTimeoutMs(now);
  }

  handleTimeout(now: number): void {
    this.#current.port.control?.handleTimeout(now);
    this.#handover?.connection.port.control?.handleTimeout(now);
  }

  /** The path is dead. */
  close(error: KwikError): void {
    for (const connection of [this.#offered, this.#handover?.connection, this.#current]) {
      connection?.port.close(error.wireNumber, error.message.slice(0, 200));
      connection?.failAnswers(error);
    }
  }

  // --- What they tell ---

  onUsed(connection: PathConnection): void {
    if (connection === this.#offered) this.#use(connection);
  }

  onMessage(...message: Parameters<ConnectionsOwner['onMessage']>): void {
    this.#path.onMessage(...message);
  }

  onChunk(...chunk: Parameters<ConnectionsOwner['onChunk']>): void {
    this.#path.onChunk(...chunk);
  }

  onRealStreamEnd(readerId: number): void {
    this.#path.onRealStreamEnd(readerId);
  }

  onActivity(): void {
    this.#path.onActivity();
  }

  onFailure(connection: PathConnection, error: KwikError): void {
    // Whatever connection it is on, the peer breaks the rules.
    if (connection === this.#current || connection === this.#handover?.connection) this.#path.onControlFailure(error);
    else connection.port.close(error.wireNumber, error.message.slice(0, 200));
  }

  onControlEnd(connection: PathConnection): boolean {
    // The client has used the new one, though nothing of that has come.
    if (connection === this.#current && this.#offered !== undefined) this.#use(this.#offered);
    if (connection !== this.#handover?.connection) return false;
    this.#handover.onPeerEnded();
    this.#path.onActivity();
    return true;
  }

  onClosed(connection: PathConnection, info: TransportCloseInfo): void {
    if (connection === this.#offered) this.#offered = undefined;
    else if (connection === this.#current) this.#path.onClose(info);
    else if (connection === this.#handover?.connection) {
      this.#handover.onGone(this.#clock.now());
      connection.leave();
      this.#path.data.forgetReaders((id) => connection.owns(id));
      connection.failAnswers(new KwikError('ERR_KWIK_PATH_DEAD', 'the connection that was asked is gone'));
      this.#path.onActivity();
    }
  }

  #connection(port: PathPort): PathConnection {
    return new PathConnection(port, this.#current.generation + 1, this.#address, this.#clock, this);
  }

  #countsOfOld(): ConnectionCounts {
    const transport = this.#handover?.connection.port.transport;
    if (transport?.closed === false) this.#countsBefore = transport.stats();
    return this.#countsBefore;
  }

  /** Nothing is expected of the connection before any more. */
  #letGo(): void {
    if (this.#handover === undefined) return;
    const { connection } = this.#handover;
    this.#gone = addCounts(this.#gone, this.#countsOfOld());
    this.#handover = undefined;
    this.#path.data.forgetReaders((id) => connection.owns(id));
    connection.leave();
    connection.port.close(0, 'the path has another connection');
  }
}
