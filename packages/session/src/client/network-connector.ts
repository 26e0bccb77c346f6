import { KwikError, type PathNetwork, type PathTransport } from '@kwik/wire';
import type { DialTarget } from '../api/options.js';
import type { ConnectOptions, Connector } from './connector.js';

const CLOSED = 'the session is closed';

export interface NetworkConnectorOptions {
  /** Default: the network's own. */
  readonly localAddress?: string | undefined;
  readonly idleTimeoutMs: number;
}

/** Dials over a network that the caller brings, which has no certificates: whom it leads to is the caller's concern. */
export class NetworkConnector implements Connector {
  readonly #network: PathNetwork;
  readonly #options: NetworkConnectorOptions;
  readonly #closing = new AbortController();
  #transports: PathTransport[] = [];

  constructor(network: PathNetwork, options: NetworkConnectorOptions) {
    this.#network = network;
    this.#options = options;
  }

  async connect(
    target: DialTarget,
    { timeoutMs, signal, admit, localAddress }: ConnectOptions,
  ): Promise<PathTransport> {
    const [host = target.host] = (await admit?.([target.host], target.port)) ?? [];
    this.#requireOpen();
    const from = localAddress ?? this.#options.localAddress;
    const transport = await this.#network.connect(
      { host, port: target.port },
      {
        timeoutMs,
        idleTimeoutMs: this.#options.idleTimeoutMs,
        ...(from !== undefined && { localAddress: from }),
        signal: signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]),
      },
    );
    if (this.#closing.signal.aborted) transport.close(0, CLOSED);
    this.#requireOpen();
    this.#transports = this.#transports.filter((known) => !known.closed);
    this.#transports.push(transport);
    return transport;
  }

  close(): Promise<void> {
    this.#closing.abort(new KwikError('ERR_KWIK_ABORTED', CLOSED));
    for (const transport of this.#transports) transport.close(0, CLOSED);
    return Promise.resolve();
  }

  #requireOpen(): void {
    if (this.#closing.signal.aborted) throw new KwikError('ERR_KWIK_ABORTED', CLOSED);
  }
}
