import { noneClientAuth } from '@kwik/kcp';
import type { DialOptions } from '../../api/options.js';
import type { RelayChoice } from '../../api/relays.js';
import { canConnectAgain, type Connector } from '../connector.js';

/**
 * How a relay of the client's own is dialled: as the primary is, but under its own name, with none of what authenticates to the
 * primary, and for as long as its one path lives.
 */
export function relayDialOptions(options: DialOptions, { auth = [noneClientAuth()] }: RelayChoice): DialOptions {
  const { paths, trust, timeouts, signal: _signal, early: _early, ...rest } = options;
  const { serverName: _serverName, ...ownTrust } = trust ?? {};
  const { localAddress } = paths ?? {};
  return {
    ...rest,
    auth,
    timeouts: { ...timeouts, recoveryMs: 0 },
    ...(trust !== undefined && { trust: ownTrust }),
    ...(localAddress !== undefined && { paths: { localAddress } }),
  };
}

/** The connector of the session that the relays are for: what it dials stays open until that closes it. */
export function borrowed(connector: Connector): Connector {
  return {
    connect: (target, options) => connector.connect(target, options),
    ...(canConnectAgain(connector) && { connectAgain: (like, options) => connector.connectAgain(like, options) }),
    close: () => Promise.resolve(),
  };
}
