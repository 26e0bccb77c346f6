import type { LinkDirection, LinkDirectionOptions, LinkShape } from './link-options.js';
import type { LinkDirectionStats } from './link-counters.js';

export interface LinkOptions extends LinkShape {
  /** Where datagrams go. A name is resolved once, at the start. */
  readonly target: { readonly host: string; readonly port: number };
  /** Of all random decisions. Default: 1. */
  readonly seed?: number;
  /** Address to listen on, an IP address. Default: 127.0.0.1, or ::1 for an IPv6 target. */
  readonly host?: string;
  /** 0, the default, for one that is free. */
  readonly port?: number;
  /** Clients (address and port) known at a time; beyond it the idlest is forgotten. Default 1024. */
  readonly maxClients?: number;
}

export interface LinkStats {
  /** Client to server. */
  readonly up: LinkDirectionStats;
  /** Server to client. */
  readonly down: LinkDirectionStats;
}

/** A link between real UDP sockets. It may run in this thread (`Link`) or in another (`LinkHost`). */
export interface EmulatedLink extends AsyncDisposable {
  /** Where clients send to, instead of the target. */
  readonly host: string;
  readonly port: number;
  /** `host:port`, an IPv6 host in brackets. */
  address(): string;
  /**
   * Changes options while packets are on their way: what is queued goes at the new rate, what is sent goes with the
   * delay of before.
   * @throws KwikError ERR_KWIK_INVALID_ARGUMENT that names the option; ERR_KWIK_INVALID_STATE after `close`.
   */
  configure(direction: LinkDirection | 'both', options: LinkDirectionOptions): void;
  /** Silence: nothing gets through until `heal`, and what is inside is lost. Senders notice nothing. Default both. */
  cut(direction?: LinkDirection | 'both'): void;
  heal(direction?: LinkDirection | 'both'): void;
  /** Also after `close`, as they were then. */
  stats(): LinkStats;
  /** Frees the port; packets inside are gone. Calling it again does nothing. */
  close(): Promise<void>;
}
