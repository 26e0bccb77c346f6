import type { DropReason } from '../routing/endpoint-stats.js';
import type { DatagramSource } from '../socket/datagram-socket.js';

/** Datagrams that wait for `listen`: what a few dozen clients send first. */
const MAX_HELD = 64;

export interface DatagramRouter {
  route(datagram: Uint8Array, from: DatagramSource): void;
}

export interface IntakeOptions {
  /** Datagrams of other machines are dropped. */
  readonly loopbackOnly?: boolean;
  /** Datagrams wait until `open`. */
  readonly holds: boolean;
}

/** Which datagrams of the socket reach the router, and from when on. */
export class DatagramIntake {
  private held: { readonly datagram: Uint8Array; readonly from: DatagramSource }[] | undefined;
  private readonly loopbackOnly: boolean;

  constructor(
    { loopbackOnly = false, holds }: IntakeOptions,
    private readonly router: DatagramRouter,
    private readonly counters: { drop(reason: DropReason): void },
  ) {
    this.loopbackOnly = loopbackOnly;
    if (holds) this.held = [];
  }

  /** `datagram` is freed when this returns. */
  take(datagram: Uint8Array, from: DatagramSource): void {
    if (this.loopbackOnly && !isLoopback(from.address)) this.counters.drop('otherMachine');
    else if (this.held === undefined) this.router.route(datagram, from);
    else if (this.held.length < MAX_HELD) this.held.push({ datagram: Uint8Array.from(datagram), from });
    else this.counters.drop('notListening');
  }

  /** Routes what was held, and whatever comes from now on. */
  open(): void {
    const { held = [] } = this;
    this.held = undefined;
    for (const { datagram, from } of held) this.router.route(datagram, from);
  }
}

/** IPv4 comes as a mapped address where the socket is one of IPv6. */
function isLoopback(address: string): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./.test(address);
}
