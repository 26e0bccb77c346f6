import { EndpointCounters, type Endpoint, type EndpointStats } from '@kwik/quic';
import type { NetworkListener, PathNetwork, PathTransport, TransportAddress } from '@kwik/wire';

/** A listener's place on a network that the caller brings, in the shape of a UDP socket. It has no certificates. */
export class NetworkEndpoint implements Pick<Endpoint, 'address' | 'close' | 'listen' | 'stats' | 'stopListening'> {
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
    return this.#counters.snapshot(this.#live().length, 0, { io: 'network', segmentationRefused: undefined });
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
