import { Endpoint, type IoChoice } from '@kwik/quic';
import type { Clock } from '@kwik/wire';

/** Who uses an endpoint, and lets go of it once. */
export interface EndpointLease {
  readonly endpoint: Endpoint;
  /** The endpoint is closed when nobody else uses it. Resolves when its socket is. */
  release(): Promise<void>;
}

type BindEndpoint = (host: string, io: IoChoice | undefined) => Promise<Endpoint>;

interface Shared {
  readonly endpoint: Promise<Endpoint>;
  leases: number;
}

/** Few enough to keep apart what the kernel buffers for them, and as many as bring nearly all that sharing does. */
export const MAX_LEASES = 32;

/** Sockets that the sessions of a process share: each with its own, what arrives for several would be read one by one. */
export class SharedEndpoints {
  /** Those with room for more leases, by local address and I/O. */
  readonly #free = new Map<string, Set<Shared>>();
  readonly #bind: BindEndpoint;

  constructor(bind: BindEndpoint = (host, io) => Endpoint.bind({ host, port: 0, ...(io !== undefined && { io }) })) {
    this.#bind = bind;
  }

  /** An endpoint bound to this local address. Rejects as `Endpoint.bind` does. */
  async lease(host: string, io?: IoChoice): Promise<EndpointLease> {
    const key = `${host} ${io ?? ''}`;
    const shared = this.#take(key, host, io);
    try {
      const endpoint = await shared.endpoint;
      let released: Promise<void> | undefined;
      return { endpoint, release: () => (released ??= this.#release(key, shared, endpoint)) };
    } catch (error) {
      this.#forget(key, shared);
      throw error;
    }
  }

  #take(key: string, host: string, io: IoChoice | undefined): Shared {
    const [known] = this.#free.get(key) ?? [];
    const shared = known ?? { endpoint: this.#bind(host, io), leases: 0 };
    shared.leases++;
    if (shared.leases === MAX_LEASES) this.#forget(key, shared);
    else if (known === undefined) this.#offer(key, shared);
    return shared;
  }

  #offer(key: string, shared: Shared): void {
    const free = this.#free.get(key);
    if (free === undefined) this.#free.set(key, new Set([shared]));
    else free.add(shared);
  }

  #forget(key: string, shared: Shared): void {
    const free = this.#free.get(key);
    free?.delete(shared);
    if (free?.size === 0) this.#free.delete(key);
  }

  async #release(key: string, shared: Shared, endpoint: Endpoint): Promise<void> {
    shared.leases--;
    if (shared.leases > 0) {
      this.#offer(key, shared);
      return;
    }
    this.#forget(key, shared);
    await endpoint.close();
  }
}

/** An endpoint for one user alone, on its own clock. */
export async function ownEndpoint(host: string, clock: Clock, io?: IoChoice): Promise<EndpointLease> {
  const endpoint = await Endpoint.bind({ host, port: 0, clock, ...(io !== undefined && { io }) });
  return { endpoint, release: () => endpoint.close() };
}
