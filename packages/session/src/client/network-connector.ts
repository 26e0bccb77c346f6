import { KwikError, type PathNetwork, type PathTransport } from '@kwik/wire';
import type { DialTarget } from '../api/options.js';
import { type AgainOptions, requireSome, type ConnectOptions, type Connector } from './connector.js';

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
  #transports: { readonly transport: PathTransport; readonly to: DialTarget; readonly from: string | undefined }[] = [];

  constructor(network: PathNetwork, options: NetworkConnectorOptions) {
    this.#network = network;
    this.#options = options;
  }

  async connect(
    target: DialTarget,
    { timeoutMs, signal, admit, localAddress }: ConnectOptions,
  ): Promise<PathTransport> {
    const admitted = admit && requireSome(await admit([target.host], target.port), target);
    this.#requireOpen();
    const host = admitted?.[0] ?? target.host;
    return this.#connect({ host, port: target.port }, localAddress ?? this.#options.localAddress, timeoutMs, signal);
  }

  connectAgain(like: PathTransport, { timeoutMs, signal }: AgainOptions): Promise<PathTransport> {
    const dialled = this.#transports.find(({ transport }) => transport === like);
    if (dialled === undefined) return Promise.reject(new KwikError('ERR_KWIK_PATH_DEAD', 'the connection is gone'));
    return this.#connect(dialled.to, dialled.from, timeoutMs, signal);
  }

  async #connect(
    to: DialTarget,
    from: string | undefined,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<PathTransport> {
    const transport = await this.#network.connect(to, {
      timeoutMs,
      idleTimeoutMs: this.#options.idleTimeoutMs,
      ...(from !== undefined && { localAddress: from }),
      signal: signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]),
    });
    if (this.#closing.signal.aborted) transport.close(0, CLOSED);
    this.#requireOpen();
    this.#transports = this.#transports.filter((known) => !known.transport.closed);
    this.#transports.push({ transport, to, from });
    return transport;
  }

  close(): Promise<void> {
    this.#closing.abort(new KwikError('ERR_KWIK_ABORTED', CLOSED));
    for (const { transport } of this.#transports) transport.close(0, CLOSED);
    return Promise.resolve();
  }

  #requireOpen(): void {
    if (this.#closing.signal.aborted) throw new KwikError('ERR_KWIK_ABORTED', CLOSED);
  }
}
