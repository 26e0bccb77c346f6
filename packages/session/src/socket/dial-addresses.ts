import { Endpoint, type IoChoice, resolveHost } from '@kwik/quic';
import type { DialOptions, DialTarget, EarlyData } from '../api/options.js';
import type { Session } from '../api/session.js';
import { QuicConnector } from '../client/connector.js';
import { connectorFor, dialOver } from '../client/dial.js';
import { dialService, firstTarget, pinnedTo } from '../client/service-dial.js';
import { SharedEndpoints } from '../client/shared-endpoints.js';
import { checkDialOptions } from '../options/dial-rules.js';

/** UDP sockets for dialling, which keep no process alive; sessions share them as those of `dial` share theirs. */
export class DialEndpoints {
  readonly shared = new SharedEndpoints((host, io) => this.bind(host, 0, io));
  readonly #bound = new Set<Endpoint>();

  async bind(host: string, port: number, io?: IoChoice): Promise<Endpoint> {
    const endpoint = await Endpoint.bind({ host, port, ref: false, ...(io !== undefined && { io }) });
    for (const each of this.#bound) if (each.closed) this.#bound.delete(each);
    this.#bound.add(endpoint);
    return endpoint;
  }

  /** Sends within the call what waits: for a process that is about to end. */
  transmitNow(): void {
    for (const endpoint of this.#bound) if (!endpoint.closed) endpoint.transmitNow();
  }
}

/** A server whose name was resolved already. */
export interface AddressedTarget extends DialTarget {
  /** Numeric addresses of `host`, in the order in which they are tried. */
  readonly addresses: readonly string[];
  /** Local port to send from, of `paths.localAddress` or any address. Default: the system chooses. */
  readonly localPort?: number;
}

/**
 * As `dial`. With a local port the session has a socket of its own, and the error of its bind is one more reason to reject.
 * `early` is asked, once, when the first hello is about to go, and stands in place of that of the options.
 */
export async function dialAddresses(
  target: AddressedTarget,
  options: DialOptions,
  endpoints: DialEndpoints,
  early?: () => EarlyData | undefined,
): Promise<Session> {
  checkDialOptions(options);
  const endpoint = await ownEndpoint(target, options, endpoints);
  const specials = { endpoints: endpoints.shared, ...(endpoint !== undefined && { endpoint }) };
  // Other names are those of relays and of servers that the primary adds.
  const lookup = async (name: string) => (name === target.host ? target.addresses : resolveHost(name));
  const connector = connectorFor(options, () => new QuicConnector(options, lookup, specials));
  try {
    const session = await dialOver(connector, target, options, { ...(early !== undefined && { early }) });
    void session.closed.then(() => endpoint?.close());
    return session;
  } catch (error) {
    await endpoint?.close();
    throw error;
  }
}

/**
 * As `dial` of `kwik:SERVICE`, with the sockets of `endpoints`. `early` is for the server that is begun at; where another is
 * faster, the stream that it opened at the first ends with the session there.
 */
export async function dialServiceFrom(
  service: string,
  options: DialOptions,
  endpoints: DialEndpoints,
  early?: () => EarlyData | undefined,
): Promise<Session> {
  checkDialOptions(options);
  let first = early;
  return dialService(service, options, (server, own) => {
    const specials = first === undefined ? {} : { early: first };
    first = undefined;
    const connector = connectorFor(own, () => new QuicConnector(own, undefined, { endpoints: endpoints.shared }));
    return dialOver(pinnedTo(server, connector), firstTarget(server), own, specials);
  });
}

async function ownEndpoint(
  { addresses, localPort = 0 }: AddressedTarget,
  { paths = {}, transport }: DialOptions,
  endpoints: DialEndpoints,
): Promise<Endpoint | undefined> {
  if (localPort === 0) return undefined;
  const anywhere = addresses[0]?.includes(':') === true ? '::' : '0.0.0.0';
  return endpoints.bind(paths.localAddress ?? anywhere, localPort, transport?.io);
}
