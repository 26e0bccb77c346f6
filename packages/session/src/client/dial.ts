import { KwikError } from '@kwik/wire';
import type { DialOptions, DialTarget } from '../api/options.js';
import type { RelayChoice } from '../api/relays.js';
import type { Session } from '../api/session.js';
import { checkDialOptions } from '../options/dial-rules.js';
import { resolveTimeouts } from '../options/timeouts.js';
import type { ClientSession } from './client-session.js';
import { QuicConnector, type Connector } from './connector.js';
import type { DialSpecials } from './dial-specials.js';
import { Dialler } from './dialler.js';
import { requireRoomToDial } from './dials/dialled-host.js';
import { NetworkConnector } from './network-connector.js';
import { borrowed, relayDialOptions } from './relays/relay-dial-options.js';
import { dialService, firstTarget, pinnedTo, serviceOf } from './service-dial.js';
import { parseTarget } from './target.js';

/**
 * Opens a session with the server at `target`: one QUIC connection, a control stream, authentication, a session id. With
 * `kwik:NAME` it is the first to answer of the servers that `options.discovery` finds for the service NAME.
 * Rejects with a KwikError: ERR_KWIK_CONNECT_FAILED, ERR_KWIK_TIMEOUT, ERR_KWIK_CERTIFICATE, ERR_KWIK_AUTH_FAILED, …; for
 * options that cannot be, with ERR_KWIK_INVALID_ARGUMENT, and without trust in a server elsewhere with ERR_KWIK_CREDENTIALS; while
 * this process is overloaded (`options.overload`), with ERR_KWIK_LIMIT_EXCEEDED and `retryAfterMs`.
 */
export async function dial(target: string | DialTarget, options: DialOptions = {}): Promise<Session> {
  checkDialOptions(options);
  const service = serviceOf(target);
  if (service === undefined) return dialOver(connectorFor(options), parseTarget(target), options);
  // That there is no room here says nothing of its servers.
  await requireRoomToDial(options);
  return dialService(service, options, (server, own) => {
    return dialOver(pinnedTo(server, connectorFor(own)), firstTarget(server), own, { hasRoom: true });
  });
}

/** `overUdp`: what connects where the caller brings no network. */
export function connectorFor(
  options: DialOptions,
  overUdp: () => Connector = () => new QuicConnector(options),
): Connector {
  const { runtime, paths, timeouts } = options;
  if (runtime?.network === undefined) return overUdp();
  const idleTimeoutMs = resolveTimeouts(timeouts).idleMs;
  return new NetworkConnector(runtime.network, { localAddress: paths?.localAddress, idleTimeoutMs });
}

/** The same over any source of connections. Closes `connector` when the session ends or cannot be opened. */
export async function dialOver(
  connector: Connector,
  target: DialTarget,
  options: DialOptions,
  specials: DialSpecials = {},
): Promise<ClientSession> {
  try {
    const dialRelay = (choice: RelayChoice, own: DialSpecials): Promise<ClientSession> =>
      dialOver(borrowed(connector), parseTarget(choice.address), relayDialOptions(options, choice), own);
    return await new Dialler(connector, target, options, specials, dialRelay).open();
  } catch (error) {
    await connector.close();
    throw KwikError.from(error, 'ERR_KWIK_CONNECT_FAILED');
  }
}
