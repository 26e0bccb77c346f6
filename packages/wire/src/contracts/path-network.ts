import type { PathTransport, TransportAddress } from './path-transport.js';

/** What an AbortSignal has, for code that knows neither Node nor browsers. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** How one connection is to be dialled. Times in milliseconds. */
export interface NetworkDialOptions {
  /** Bound on the handshake. */
  readonly timeoutMs: number;
  /** The smaller of both sides holds. */
  readonly idleTimeoutMs: number;
  /** The host to send from; absent: the network's choice. */
  readonly localAddress?: string;
  readonly signal?: AbortSignalLike;
}

export interface NetworkListener {
  readonly address: TransportAddress;
  /** No more connections; those that exist go on. */
  close(): void;
}

/** Where sessions get connections from in place of UDP and QUIC: a network in memory, say. Hosts are IP addresses. */
export interface PathNetwork {
  /** Rejects with ERR_KWIK_TIMEOUT, ERR_KWIK_CONNECTION_REFUSED or ERR_KWIK_ABORTED. */
  connect(to: { readonly host: string; readonly port: number }, options: NetworkDialOptions): Promise<PathTransport>;
  /** Port 0: a free one. Throws ERR_KWIK_INVALID_ARGUMENT when somebody listens there. */
  accept(
    at: { readonly host: string; readonly port: number },
    options: { readonly idleTimeoutMs: number },
    onConnection: (transport: PathTransport) => void,
  ): NetworkListener;
}
