import type { Clock, NetworkListener, PathNetwork, PathTransport } from '@kwik/wire';
import { ProcessClock } from '../clock/process-clock.js';
import type { DirectionSettings } from '../link/direction-settings.js';
import {
  applyOptions,
  resolveShape,
  type LinkDirection,
  type LinkDirectionOptions,
  type LinkShape,
} from '../link/link-options.js';
import { formatAddress, parseAddress } from '../memory/memory-address.js';
import type { MemoryLink } from '../memory/memory-link.js';
import type { MemoryNetwork } from '../memory/memory-network.js';
import type { RandomSource } from '../random/seeded-random.js';

/** What `dial` and `listen` of `@kwik/session` take as `runtime`. */
export interface ChaosRuntime {
  readonly clock: Clock;
  readonly network: PathNetwork;
  readonly random: () => number;
  /** Milliseconds since 1970: that of the machine when the world began, and what has passed in it; wrong while it is skewed. */
  readonly wallClockMs: () => number;
}

export interface ChaosHostParts {
  readonly clock: Clock;
  readonly network: MemoryNetwork;
  readonly random: RandomSource;
  readonly shape: LinkShape;
  /** The right time, milliseconds since 1970. */
  readonly wallClockMs: () => number;
}

/** One machine of a `ChaosWorld`: a process on it, and the link over which others reach it. */
export class ChaosHost {
  /** Its IP address. */
  readonly name: string;
  readonly #parts: ChaosHostParts;
  readonly #link: MemoryLink;
  readonly #base: Record<LinkDirection, DirectionSettings>;
  /** Faults at work, in the order of their beginning: of two that change the same, the later holds. */
  readonly #changes = new Map<symbol, { direction: LinkDirection | 'both'; options: LinkDirectionOptions }>();
  readonly #cuts = { up: 0, down: 0 };
  #stalls = 0;
  /** By how much each fault at work sets the wall clock wrong. */
  readonly #skews = new Map<symbol, number>();
  #process: ProcessClock;
  #listening = new Set<string>();

  constructor(name: string, parts: ChaosHostParts) {
    this.name = name;
    this.#parts = parts;
    this.#base = resolveShape(parts.shape);
    this.#link = parts.network.link(name, parts.shape);
    this.#process = new ProcessClock(parts.clock);
  }

  /** For `dial` and `listen` on this host. A process that was started again has another one: ask anew. */
  get runtime(): ChaosRuntime {
    const random = this.#parts.random;
    return {
      clock: this.#process,
      network: this.#network(this.#process),
      random: () => random.float(),
      wallClockMs: () => this.#wallClockMs(),
    };
  }

  /** The process that runs here now. */
  get process(): ProcessClock {
    return this.#process;
  }

  /** No packet goes through; gives what ends it. Cuts add up. */
  cut(direction: LinkDirection | 'both' = 'both'): () => void {
    for (const one of bothOf(direction)) if (this.#cuts[one]++ === 0) this.#link.cut(one);
    return once(() => {
      for (const one of bothOf(direction)) if (--this.#cuts[one] === 0) this.#link.heal(one);
    });
  }

  /** Packets wait and none is lost; gives what ends it. */
  stall(): () => void {
    if (this.#stalls++ === 0) this.#link.stall();
    return once(() => {
      if (--this.#stalls === 0) this.#link.resume();
    });
  }

  /** The link is otherwise until the function that this gives is called. Throws ERR_KWIK_INVALID_ARGUMENT. */
  change(options: LinkDirectionOptions, direction: LinkDirection | 'both' = 'both'): () => void {
    for (const one of bothOf(direction)) applyOptions(this.#base[one], options);
    const key = Symbol('change');
    this.#changes.set(key, { direction, options });
    this.#shape();
    return () => {
      if (this.#changes.delete(key)) this.#shape();
    };
  }

  /** The wall clock of the host is ahead by so much, or behind where that is negative; gives what ends it. Skews add up. */
  skew(aheadMs: number): () => void {
    const key = Symbol('skew');
    this.#skews.set(key, aheadMs);
    return () => void this.#skews.delete(key);
  }

  /** Nothing of the process runs for `ms`; what is due meanwhile is late. */
  sleep(ms: number): void {
    this.#process.sleep(ms);
  }

  /** The process ends, with all its timers, in the middle of what it did. Nobody is told; `runtime` is that of another. */
  kill(): void {
    this.#process.end();
    for (const address of this.#listening) this.#parts.network.kill(address);
    this.#listening = new Set();
    this.#process = new ProcessClock(this.#parts.clock);
  }

  #wallClockMs(): number {
    return [...this.#skews.values()].reduce((sum, aheadMs) => sum + aheadMs, this.#parts.wallClockMs());
  }

  #shape(): void {
    for (const one of ['up', 'down'] as const) {
      let settings = this.#base[one];
      for (const { direction, options } of this.#changes.values()) {
        if (direction === 'both' || direction === one) settings = applyOptions(settings, options);
      }
      this.#link.configure(one, settings);
    }
  }

  /** The network as the process sees it: what it dials leaves from this host. */
  #network(process: ProcessClock): PathNetwork {
    const { network } = this.#parts;
    return {
      connect: ({ host, port }, { localAddress = this.name, timeoutMs, idleTimeoutMs, signal }) => {
        const to = formatAddress(parseAddress(host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`));
        // A further address of the client's is a way of its own to the same server.
        const link = localAddress === this.name ? host : `${localAddress} to ${host}`;
        const common = { to, from: localAddress, link, timeoutMs, idleTimeoutMs };
        return network.dial({ ...common, ...(signal !== undefined && { signal }) });
      },
      accept: ({ port }, options, onConnection) => this.#accept(process, port, options, onConnection),
    };
  }

  /** Whatever address of its own it listens on, others reach it by the name of the host. */
  #accept(
    process: ProcessClock,
    port: number,
    options: { readonly idleTimeoutMs: number },
    onConnection: (transport: PathTransport) => void,
  ): NetworkListener {
    const at = `${this.name.includes(':') ? `[${this.name}]` : this.name}:${port}`;
    const listener = this.#parts.network.listen(at, onConnection, options);
    if (process === this.#process) this.#listening.add(listener.address);
    return { address: parseAddress(listener.address), close: () => listener.close() };
  }
}

function bothOf(direction: LinkDirection | 'both'): readonly LinkDirection[] {
  return direction === 'both' ? ['up', 'down'] : [direction];
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}
