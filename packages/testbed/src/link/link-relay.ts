import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';

import { SeededRandom } from '../random/seeded-random.js';
import type { DirectionSettings } from './direction-settings.js';
import { LinkCounters } from './link-counters.js';
import { LinkModel } from './link-model.js';
import type { LinkPump, Pumped } from './link-pump.js';

export interface RelayOptions {
  /** IP addresses, no names. */
  readonly host: string;
  readonly port: number;
  readonly targetHost: string;
  readonly targetPort: number;
  readonly seed: number;
  readonly maxClients: number;
  readonly up: DirectionSettings;
  readonly down: DirectionSettings;
  /** Where the counters live; shared memory when another thread reads them. */
  readonly upCounters: ArrayBuffer | SharedArrayBuffer;
  readonly downCounters: ArrayBuffer | SharedArrayBuffer;
}

/** A client of the link: its address, and the socket that stands for it before the server. */
interface Client {
  readonly address: string;
  readonly port: number;
  readonly socket: Socket;
  lastUsedMs: number;
}

interface Datagram {
  readonly data: Buffer;
  readonly client: Client;
}

/** Asked for on every socket; the system gives what `net.core.rmem_max` allows. */
const SOCKET_BUFFER_BYTES = 4 * 1024 * 1024;

/** The sockets of one link around its two models. Imports nothing of other packages, so that a worker loads it as it is. */
export class LinkRelay implements Pumped {
  readonly #options: RelayOptions;
  readonly #pump: LinkPump;
  readonly #front: Socket;
  readonly #counters: { readonly up: LinkCounters; readonly down: LinkCounters };
  readonly #models: { readonly up: LinkModel<Datagram>; readonly down: LinkModel<Datagram> };
  readonly #clients = new Map<string, Client>();
  #closed = false;

  private constructor(options: RelayOptions, pump: LinkPump, front: Socket) {
    this.#options = options;
    this.#pump = pump;
    this.#front = front;
    this.#counters = { up: new LinkCounters(options.upCounters), down: new LinkCounters(options.downCounters) };
    const random = new SeededRandom(options.seed);
    this.#models = {
      up: new LinkModel(options.up, random.fork('up'), this.#counters.up),
      down: new LinkModel(options.down, random.fork('down'), this.#counters.down),
    };
    front.on('message', (data, from) => this.#fromClient(data, from));
    pump.add(this);
  }

  /** @throws the system's error when the address cannot be bound. */
  static async open(options: RelayOptions, pump: LinkPump): Promise<LinkRelay> {
    const front = makeSocket(options.host);
    await new Promise<void>((resolve, reject) => {
      front.once('error', reject);
      front.bind({ address: options.host, port: options.port, exclusive: true }, () => {
        front.off('error', reject);
        resolve();
      });
    });
    enlargeBuffers(front);
    const relay = new LinkRelay(options, pump, front);
    front.on('error', () => relay.#counters.down.add('dropped.socket'));
    return relay;
  }

  get port(): number {
    return this.#front.address().port;
  }

  nextEventMs(): number {
    return Math.min(this.#models.up.nextEventMs(), this.#models.down.nextEventMs());
  }

  run(now: number): void {
    const { up, down } = this.#models;
    for (let packet = up.dequeue(now); packet !== undefined; packet = up.dequeue(now)) this.#toServer(packet);
    for (let packet = down.dequeue(now); packet !== undefined; packet = down.dequeue(now)) this.#toClient(packet);
  }

  configure(direction: 'up' | 'down', settings: DirectionSettings): void {
    this.#models[direction].configure(settings, this.#pump.now());
    this.#pump.poke(this);
  }

  cut(direction: 'up' | 'down'): void {
    this.#models[direction].cut(this.#pump.now());
  }

  heal(direction: 'up' | 'down'): void {
    this.#models[direction].heal();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#pump.remove(this);
    const sockets = [this.#front, ...[...this.#clients.values()].map((client) => client.socket)];
    this.#clients.clear();
    await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))));
  }

  #fromClient(data: Buffer, from: RemoteInfo): void {
    const now = this.#pump.now();
    const client = this.#clientOf(from, now);
    client.lastUsedMs = now;
    this.#models.up.enqueue({ data, client }, data.length, now);
    this.#pump.poke(this);
  }

  #fromServer(data: Buffer, from: RemoteInfo, client: Client): void {
    if (from.port !== this.#options.targetPort || from.address !== this.#options.targetHost) return;
    const now = this.#pump.now();
    client.lastUsedMs = now;
    this.#models.down.enqueue({ data, client }, data.length, now);
    this.#pump.poke(this);
  }

  #toServer({ data, client }: Datagram): void {
    const { targetHost, targetPort } = this.#options;
    if (!isCurrent(this.#clients, client)) {
      // It left the model, and goes no further: its client was forgotten meanwhile.
      this.#counters.up.add('packetsOut', -1);
      this.#counters.up.add('bytesOut', -data.length);
      this.#counters.up.add('dropped.overflow');
      return;
    }
    client.socket.send(data, targetPort, targetHost);
  }

  #toClient({ data, client }: Datagram): void {
    this.#front.send(data, client.port, client.address);
  }

  #clientOf(from: RemoteInfo, now: number): Client {
    const key = `${from.address} ${from.port}`;
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    if (this.#clients.size >= this.#options.maxClients) this.#evictIdlest();
    const socket = makeSocket(this.#options.targetHost);
    const client: Client = { address: from.address, port: from.port, socket, lastUsedMs: now };
    socket.on('message', (data, server) => this.#fromServer(data, server, client));
    socket.on('error', () => this.#counters.up.add('dropped.socket'));
    socket.bind({ port: 0, address: sourceFor(this.#options.targetHost), exclusive: true }, () =>
      enlargeBuffers(socket),
    );
    this.#clients.set(key, client);
    return client;
  }

  #evictIdlest(): void {
    let idlest: [string, Client] | undefined;
    for (const entry of this.#clients) {
      if (idlest === undefined || entry[1].lastUsedMs < idlest[1].lastUsedMs) idlest = entry;
    }
    if (idlest === undefined) return;
    this.#clients.delete(idlest[0]);
    idlest[1].socket.close();
  }
}

function isCurrent(clients: ReadonlyMap<string, Client>, client: Client): boolean {
  return clients.get(`${client.address} ${client.port}`) === client;
}

/** Addresses are IP addresses already: answering at once saves a turn of the event loop per datagram. */
function makeSocket(host: string): Socket {
  const family = isIPv6(host) ? 6 : 4;
  return createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    lookup: (address, _options, callback) => callback(null, address, family),
  });
}

/** Loopback traffic stays on loopback; elsewhere the system chooses. */
function sourceFor(targetHost: string): string {
  if (isIPv6(targetHost)) return targetHost === '::1' ? '::1' : '::';
  return targetHost.startsWith('127.') ? '127.0.0.1' : '0.0.0.0';
}

function enlargeBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(SOCKET_BUFFER_BYTES);
    socket.setSendBufferSize(SOCKET_BUFFER_BYTES);
  } catch {
    // A platform that refuses keeps its own sizes: the link works, with less room for bursts.
  }
}
