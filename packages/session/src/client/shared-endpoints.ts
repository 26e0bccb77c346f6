import { Endpoint } from '@kwik/quic';
import type { Clock } from '@kwik/wire';

/** Who uses an endpoint, and lets go of it once. */
export interface EndpointLease {
  readonly endpoint: Endpoint;
  /** The endpoint is closed when nobody else uses it. Resolves when its socket is. */
  release(): Promise<void>;
}

interface Shared {
  readonly endpoint: Promise<Endpoint>;
  leases: number;
}

/** Few enough to keep apart what the kernel buffers for them, and as many as bring nearly all that sharing does. */
export const MAX_LEASES = 32;

/** Sockets that the sessions of a process share: each with its own, what arrives for several would be read one by one. */
export class SharedEndpoints {
  /** Those with room for more leases, by local address. */
  readonly #free = new Map<string, Set<Shared>>();
  readonly #bind: (host: string) => Promise<Endpoint>;

  constructor(bind = (host: string) => Endpoint.bind({ host, port: 0 })) {
    this.#bind = bind;
  }

  /** An endpoint bound to this local address. Rejects as `Endpoint.bind` does. */
  async lease(host: string): Promise<EndpointLease> {
    const shared = this.#take(host);
    try {
      const endpoint = await shared.endpoint;
      let released: Promise<void> | undefined;
      return { endpoint, release: () => (released ??= this.#release(host, shared, endpoint)) };
    } catch (error) {
      this.#forget(host, shared);
      throw error;
    }
  }

  #take(host: string): Shared {
    const [known] = this.#free.get(host) ?? [];
    const shared = known ?? { endpoint: this.#bind(host), leases: 0 };
    shared.leases++;
    if (shared.leases === MAX_LEASES) this.#forget(host, shared);
    else if (known === undefined) this.#offer(host, shared);
    return shared;
  }

  #offer(host: string, shared: Shared): void {
    const free = this.#free.get(host);
    if (free === undefined) this.#free.set(host, new Set([shared]));
    else free.add(shared);
  }

  #forget(host: string, shared: Shared): void {
    const free = this.#free.get(host);
    free?.delete(shared);
    if (free?.size === 0) this.#free.delete(host);
  }

  async #release(host: string, shared: Shared, endpoint: Endpoint): Promise<void> {
    shared.leases--;
    if (shared.leases > 0) {
      this.#offer(host, shared);
      return;
    }
    this.#forget(host, shared);
    await endpoint.close();
  }
}

/** An endpoint for one user alone, on its own clock. */
export async function ownEndpoint(host: string, clock: Clock): Promise<EndpointLease> {
  const endpoint = await Endpoint.bind({ host, port: 0, clock });
  return { endpoint, release: () => endpoint.close() };
}
