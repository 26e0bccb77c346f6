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

/**
 * Sockets that the sessions of a process share: one each would cost many sessions more than their handshakes do, and
 * what arrives for several at once would be read one by one. A few to a socket bring nearly all of that, and keep apart
 * what the kernel buffers for them.
 */
export const MAX_LEASES = 32;

export class SharedEndpoints {
  readonly #shared = new Map<string, Shared[]>();

  /** An endpoint bound to this local address. Rejects as `Endpoint.bind` does. */
  async lease(host: string): Promise<EndpointLease> {
    const shared = this.#free(host) ?? this.#add(host);
    shared.leases++;
    try {
      const endpoint = await shared.endpoint;
      let released: Promise<void> | undefined;
      return { endpoint, release: () => (released ??= this.#release(host, shared, endpoint)) };
    } catch (error) {
      this.#remove(host, shared);
      throw error;
    }
  }

  #free(host: string): Shared | undefined {
    return this.#shared.get(host)?.find(({ leases }) => leases < MAX_LEASES);
  }

  #add(host: string): Shared {
    const shared = { endpoint: Endpoint.bind({ host, port: 0 }), leases: 0 };
    const known = this.#shared.get(host);
    if (known === undefined) this.#shared.set(host, [shared]);
    else known.push(shared);
    return shared;
  }

  #remove(host: string, shared: Shared): void {
    const left = this.#shared.get(host)?.filter((other) => other !== shared) ?? [];
    if (left.length === 0) this.#shared.delete(host);
    else this.#shared.set(host, left);
  }

  async #release(host: string, shared: Shared, endpoint: Endpoint): Promise<void> {
    if (--shared.leases > 0) return;
    this.#remove(host, shared);
    await endpoint.close();
  }
}

/** An endpoint for one user alone, on its own clock. */
export async function ownEndpoint(host: string, clock: Clock): Promise<EndpointLease> {
  const endpoint = await Endpoint.bind({ host, port: 0, clock });
  return { endpoint, release: () => endpoint.close() };
}
