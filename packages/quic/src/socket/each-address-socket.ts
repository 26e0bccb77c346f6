import { isIPv4 } from 'node:net';
import type { TransportAddress } from '@kwik/wire';
import type { BatchedSocket } from './batched-socket.js';
import type { DatagramHandlers, DatagramSending, DatagramSocket } from './datagram-socket.js';
import { interfacesHere } from './interfaces.js';
import { isLinkLocal } from './zone.js';

/** Machines have a few addresses; one with more answers from those beyond as the system chooses. */
const MAX_ADDRESSES = 64;
/** Addresses come and go seldom; until it is looked again, a new one is heard, and answered as the system chooses. */
const LOOK_EVERY_MS = 30_000;

export interface EachAddressParts {
  /** Bound to all addresses, at some port. */
  readonly any: BatchedSocket;
  /** Bound to this address and the same port, as `BatchedSocket.bind` with `shared` and `tells`; undefined or throws where not. */
  readonly bindAt: (address: string) => BatchedSocket | undefined;
  /** Several processes have sockets on the port. */
  readonly shared: boolean;
  /** The addresses of this machine. Default: those that the system tells. */
  readonly addresses?: (() => readonly string[]) | undefined;
}

/**
 * A socket on all addresses of the machine that answers from the one that was asked. The system chooses the address of what a
 * socket on all of them sends, by the route to the receiver; a client that dialled another one of the machine's addresses takes
 * that for somebody else's. So each address has a socket of its own on the same port, which the kernel prefers, and the socket
 * on all hears what is sent to an address that came later.
 */
export class EachAddressSocket implements DatagramSocket {
  readonly io = 'batched';
  private readonly any: BatchedSocket;
  private readonly each = new Map<string, BatchedSocket>();
  private handlers: DatagramHandlers | undefined;
  private timer: NodeJS.Timeout | undefined;
  private keepsProcess = true;
  private closed = false;

  constructor(private readonly parts: EachAddressParts) {
    this.any = parts.any;
  }

  get address(): TransportAddress {
    return this.any.address;
  }

  get readsAtOnce(): number {
    return this.any.readsAtOnce;
  }

  get segmentationRefused(): string | undefined {
    return this.sockets().find(({ segmentationRefused }) => segmentationRefused !== undefined)?.segmentationRefused;
  }

  unref(): void {
    this.keepsProcess = false;
    for (const socket of this.sockets()) socket.unref();
  }

  open(handlers: DatagramHandlers): void {
    this.handlers = handlers;
    this.any.open(handlers);
  }

  answerFromEach(): void {
    if (this.timer !== undefined || this.closed) return;
    this.look();
    this.timer = setInterval(() => this.look(), LOOK_EVERY_MS).unref();
  }

  from(local?: string): DatagramSending {
    return (local === undefined ? undefined : this.each.get(local)) ?? this.any;
  }

  flush(): void {
    this.any.flush();
    for (const socket of this.each.values()) socket.flush();
  }

  routeDatagramBytes(address: string): number | undefined {
    return this.any.routeDatagramBytes(address);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.timer);
    await Promise.all(this.sockets().map((socket) => socket.close()));
  }

  private sockets(): BatchedSocket[] {
    return [this.any, ...this.each.values()];
  }

  /** Addresses of now have sockets, and no others. */
  private look(): void {
    const { addresses = () => addressesOf(this.address.family), shared } = this.parts;
    const now = new Set(addresses().slice(0, MAX_ADDRESSES));
    for (const [address, socket] of this.each) {
      if (now.has(address)) continue;
      this.each.delete(address);
      void socket.close();
    }
    const missing = [...now].filter((address) => !this.each.has(address));
    if (missing.length === 0) return;
    // While they are bound alone: otherwise a second program would get the port as well, and half of what is sent there.
    if (!shared) this.any.share(true);
    const added = missing.flatMap((address) => this.bind(address) ?? []);
    if (!shared) for (const socket of [this.any, ...added]) socket.share(false);
  }

  /** Undefined where somebody else has the address, or it has gone: then it is heard, or not, as without this. */
  private bind(address: string): BatchedSocket | undefined {
    let socket: BatchedSocket | undefined;
    try {
      socket = this.parts.bindAt(address);
    } catch {
      return undefined;
    }
    if (socket === undefined) return undefined;
    if (!this.keepsProcess) socket.unref();
    if (this.handlers !== undefined) socket.open(this.handlers);
    this.each.set(address, socket);
    return socket;
  }
}

/** As a socket of this family spells them; none of one interface alone. */
function addressesOf(family: TransportAddress['family']): string[] {
  const all = Object.values(interfacesHere()).flatMap((entries) => entries ?? []);
  const plain = [...new Set(all.map(({ address }) => address))].filter((address) => !isLinkLocal(address));
  if (family === 'IPv4') return plain.filter((address) => isIPv4(address));
  return plain.map((address) => (isIPv4(address) ? `::ffff:${address}` : address));
}
