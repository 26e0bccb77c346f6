import { KwikError, type Clock, type PathTransport, type proto, type SessionId } from '@kwik/wire';
import type { ClientPathOptions } from '../../api/options.js';
import type { UserCallbacks } from '../../runtime/host/user-callbacks.js';
import type { ClientGuards } from '../client-guards.js';
import type { Connector } from '../connector.js';
import type { SessionDials } from '../dials/session-dials.js';
import { formatAddress, onLinkOf, parseTarget } from '../target.js';
import type { CommandedDial } from './commanded-dials.js';

/** A server, as the primary names it to the client. */
export type NamedServer = Pick<proto.AddPath, 'address' | 'serverName' | 'pin' | 'capabilities'>;

export interface NamedServersOptions {
  readonly clock: Clock;
  readonly connector: Connector;
  readonly dials: Pick<SessionDials, 'run' | 'settled'>;
  readonly guards: Pick<ClientGuards, 'requireServer' | 'requireConnected'>;
  readonly callbacks: UserCallbacks;
  readonly resolve: ClientPathOptions['resolve'];
  /** From which all goes out. */
  readonly localAddress: string | undefined;
  /** That the client was given for the primary. */
  readonly primaryHost: string;
}

export interface ReachedServer {
  readonly transport: PathTransport;
  /** What was dialled, after the application had its say. */
  readonly resolved: string;
  /** When the time for its answer is over. */
  readonly endMs: number;
  /** It has answered as it should. */
  readonly settled: () => void;
}

/** Connects to servers that the primary names, within all that the client allows of it. */
export class NamedServers {
  readonly #options: NamedServersOptions;

  constructor(options: NamedServersOptions) {
    this.#options = options;
  }

  /** One attempt, where a dial of the client's own makes several: a stranger gets no more than one handshake's packets. */
  async reach(
    server: NamedServer,
    { timeoutMs, admit, reached }: CommandedDial,
    sessionId: SessionId,
    earlyData = false,
  ): Promise<ReachedServer> {
    const { clock, connector, dials, guards, callbacks, resolve, localAddress, primaryHost } = this.#options;
    const asked = await callbacks.tell('paths.resolve', () => resolve?.(server.address));
    const resolved = asked ?? server.address;
    if (resolved === false) {
      throw new KwikError('ERR_KWIK_PERMISSION_DENIED', `the client does not connect to ${server.address}`);
    }
    guards.requireServer(server);
    let endMs = Infinity;
    const to = onLinkOf(parseTarget(resolved), primaryHost);
    const address = formatAddress(to.host, to.port);
    const transport = await dials.run({ address, from: localAddress, commandedMs: timeoutMs }, () => {
      endMs = clock.now() + timeoutMs;
      return connector.connect(to, {
        timeoutMs,
        sessionId,
        earlyData,
        admit: async (addresses, port) => {
          const admitted = await admit(addresses, port);
          endMs = clock.now() + timeoutMs;
          return admitted;
        },
        serverName: server.serverName === '' ? parseTarget(server.address).host : server.serverName,
        ...(server.pin.length > 0 && { requiredPin: Buffer.from(server.pin).toString('hex') }),
      });
    });
    if (transport.answered === undefined) reached();
    guards.requireConnected(server, transport);
    return { transport, resolved, endMs, settled: () => dials.settled(address, localAddress) };
  }
}
