import { isIP, isIPv6 } from 'node:net';
import { lookup } from 'node:dns/promises';
import { Endpoint, type TrustOptions } from '@kwik/quic';
import { KwikError, type Clock, type PathTransport } from '@kwik/wire';
import type { DialOptions, DialTarget } from '../api/options.js';
import { developmentAuthority } from '../credentials/dev-authority.js';
import { transportOptions } from '../transport-options.js';
import { isLoopback } from './target.js';

export interface ConnectOptions {
  readonly serverName?: string | undefined;
  readonly pin?: Uint8Array | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Local address to send from. */
  readonly localAddress?: string | undefined;
}

/** Where paths come from: UDP in real life, a virtual network in simulations. */
export interface Connector {
  connect(target: DialTarget, options: ConnectOptions): Promise<PathTransport>;
  close(): Promise<void>;
}

/** Dials QUIC connections from one UDP socket per address family. */
export class QuicConnector implements Connector {
  readonly #options: DialOptions;
  readonly #clock: Clock | undefined;
  readonly #endpoints = new Map<string, Promise<Endpoint>>();

  constructor(options: DialOptions) {
    this.#options = options;
    this.#clock = options.clock;
  }

  async connect(target: DialTarget, options: ConnectOptions): Promise<PathTransport> {
    const address = isIP(target.host) === 0 ? await resolve(target.host) : target.host;
    const endpoint = await this.#endpoint(address, options.localAddress);
    const { certificate, transport } = this.#options;
    return endpoint.dial({
      host: address,
      port: target.port,
      serverName: options.serverName ?? target.host,
      trust: await this.#trust(target, options.pin),
      timeoutMs: options.timeoutMs,
      ...(certificate !== undefined && { certificate: { certPem: certificate.cert, keyPem: certificate.key } }),
      transport: transportOptions(transport),
      ...(options.signal !== undefined && { signal: options.signal }),
    });
  }

  async close(): Promise<void> {
    const endpoints = await Promise.allSettled(this.#endpoints.values());
    this.#endpoints.clear();
    for (const endpoint of endpoints) if (endpoint.status === 'fulfilled') await endpoint.value.close();
  }

  async #trust(target: DialTarget, pin: Uint8Array | undefined): Promise<TrustOptions> {
    const trust = this.#options.trust;
    const pins = [...(trust?.pins ?? []), ...(pin === undefined ? [] : [Buffer.from(pin).toString('hex')])];
    if (trust?.ca !== undefined || pins.length > 0) {
      return { ...(trust?.ca !== undefined && { ca: trust.ca }), ...(pins.length > 0 && { pins }) };
    }
    if (!isLoopback(target.host)) {
      throw new KwikError(
        'ERR_KWIK_CREDENTIALS',
        `${target.host} is not on this machine: say whom to trust with trust.ca (PEM) or trust.pins`,
      );
    }
    return { ca: (await developmentAuthority()).certPem };
  }

  #endpoint(address: string, localAddress: string | undefined): Promise<Endpoint> {
    const host = localAddress ?? this.#options.localAddress ?? localHostFor(address);
    let endpoint = this.#endpoints.get(host);
    if (endpoint === undefined) {
      endpoint = Endpoint.bind({ host, port: 0, ...(this.#clock !== undefined && { clock: this.#clock }) });
      this.#endpoints.set(host, endpoint);
      endpoint.catch(() => this.#endpoints.delete(host));
    }
    return endpoint;
  }
}

/** The address to bind for reaching `address`: loopback stays on loopback. */
function localHostFor(address: string): string {
  if (isIPv6(address)) return isLoopback(address) ? '::1' : '::';
  return isLoopback(address) ? '127.0.0.1' : '0.0.0.0';
}

async function resolve(host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch (error) {
    throw new KwikError(
      'ERR_KWIK_CONNECT_FAILED',
      `the name '${host}' cannot be resolved; check its spelling and DNS`,
      {
        cause: error,
      },
    );
  }
}
