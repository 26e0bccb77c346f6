import { EndpointCounters, type Endpoint, type EndpointStats } from '@kwik/quic';
import {
  KwikError,
  type NetworkListener,
  type PathNetwork,
  type PathTransport,
  type TransportAddress,
} from '@kwik/wire';

/** What a listener needs of a UDP socket, or of what stands for one. */
export type ListenEndpoint = Pick<
  Endpoint,
  'address' | 'close' | 'expectRelay' | 'forward' | 'listen' | 'stats' | 'stopForwarding' | 'stopListening'
>;

/** A listener's place on a network that the caller brings, in the shape of a UDP socket. It has no certificates. */
export class NetworkEndpoint implements ListenEndpoint {
  readonly #listener: NetworkListener;
  readonly #counters = new EndpointCounters();
  readonly #open = new Set<PathTransport>();
  #onConnection: ((transport: PathTransport) => void) | undefined;

  /** Throws ERR_KWIK_INVALID_ARGUMENT when somebody listens there already. */
  constructor(
    network: PathNetwork,
    at: { readonly host: string; readonly port: number },
    options: { readonly idleTimeoutMs: number },
  ) {
    this.#listener = network.accept(at, options, (transport) => this.#take(transport));
  }

  address(): TransportAddress {
    return this.#listener.address;
  }

  listen(_options: unknown, onConnection: (transport: PathTransport) => void): void {
    this.#onConnection = onConnection;
  }

  stopListening(): void {
    this.#onConnection = undefined;
  }

  stats(): EndpointStats {
    const open = { connections: this.#live().length, halfOpen: 0, flows: 0 };
    return this.#counters.snapshot(open, { io: 'network', segmentationRefused: undefined });
  }

  /** There are no bounds on one address that it could meet. */
  expectRelay(): () => void {
    return () => undefined;
  }

  forward(): never {
    throw new KwikError('ERR_KWIK_UNSUPPORTED', 'a relay forwards UDP datagrams, and this network has none');
  }

  stopForwarding(): void {
    // Nothing is forwarded.
  }

  close(): Promise<void> {
    this.stopListening();
    this.#listener.close();
    for (const transport of this.#live()) transport.close(0, 'the endpoint is closed');
    return Promise.resolve();
  }

  #take(transport: PathTransport): void {
    if (this.#onConnection === undefined) {
      transport.close(0, 'nobody listens');
      return;
    }
    this.#counters.counts.accepted += 1;
    this.#live();
    this.#open.add(transport);
    this.#onConnection(transport);
  }

  /** Those that are still open; the others are forgotten. */
  #live(): PathTransport[] {
    for (const transport of this.#open) if (transport.closed) this.#open.delete(transport);
    return [...this.#open];
  }
}
