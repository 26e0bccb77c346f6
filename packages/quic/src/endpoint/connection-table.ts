import type { Connection } from '../connection/connection.js';
import type { Demultiplexer } from '../routing/demultiplexer.js';

/** The connections of an endpoint, and the ways to find them. */
export class ConnectionTable {
  private readonly connections = new Set<Connection>();
  /** Dialled ones by where they lead, for stateless resets. */
  private readonly dialled = new Map<string, Set<Connection>>();

  constructor(private readonly demultiplexer: Demultiplexer<Connection>) {}

  add(connection: Connection): void {
    this.connections.add(connection);
    this.demultiplexer.add(connection.id, connection);
    if (connection.side === 'client') this.addDialled(connection);
  }

  /** False when it was removed before. */
  remove(connection: Connection): boolean {
    if (!this.connections.delete(connection)) return false;
    this.demultiplexer.remove(connection.id);
    if (connection.side === 'client') this.removeDialled(connection);
    return true;
  }

  dialledTo(address: string, port: number): Iterable<Connection> {
    return this.dialled.get(remoteKey(address, port)) ?? [];
  }

  [Symbol.iterator](): Iterator<Connection> {
    return this.connections.values();
  }

  private addDialled(connection: Connection): void {
    const key = remoteKey(connection.remote.address, connection.remote.port);
    const known = this.dialled.get(key);
    if (known === undefined) this.dialled.set(key, new Set([connection]));
    else known.add(connection);
  }

  private removeDialled(connection: Connection): void {
    const key = remoteKey(connection.remote.address, connection.remote.port);
    const known = this.dialled.get(key);
    known?.delete(connection);
    if (known?.size === 0) this.dialled.delete(key);
  }
}

function remoteKey(address: string, port: number): string {
  return `${address}|${port}`;
}
