import type { OwnDiscovery } from '@kwik/discovery';
import { keepDiscoveredPaths, type ServerSession } from '@kwik/session';
import type { ServerDirectory } from '@kwik/wire';
import { openDiscovery, type DiscoverFlags } from '../discovery/discover.js';
import { usageError } from '../errors.js';
import type { CliIo } from '../io.js';
import type { ServeLog } from './serve-log.js';

export interface DiscoveredPeersFlags extends DiscoverFlags {
  readonly service?: string;
  /** How many servers each session is to have besides. */
  readonly replicas: number;
  readonly serverId?: string;
  readonly region?: string;
  readonly zone?: string;
}

type NamedFlags = DiscoveredPeersFlags & { readonly service: string };

/** Servers with copies of the files, found by the name of the service that this one is of. */
export class DiscoveredPeers implements Disposable {
  readonly #discovery: OwnDiscovery;
  readonly #flags: NamedFlags;
  readonly #log: ServeLog;

  private constructor(discovery: OwnDiscovery, flags: NamedFlags, log: ServeLog) {
    this.#discovery = discovery;
    this.#flags = flags;
    this.#log = log;
  }

  /** Undefined where no source is named. Rejects with a usage error, and as `openDiscovery` does. */
  static async open(
    flags: DiscoveredPeersFlags,
    io: Pick<CliIo, 'env'>,
    log: ServeLog,
  ): Promise<DiscoveredPeers | undefined> {
    const { service, serverId, region, zone } = flags;
    if (service === undefined) {
      // What stands in the environment is for other commands, too.
      if (flags.discover.length === 0) return undefined;
      throw usageError('--discover takes --service NAME: whose servers have copies of the files');
    }
    const ignore = serverId === undefined ? [] : [serverId];
    const discovery = await openDiscovery(flags, io, { ignore, region, zone });
    return discovery && new DiscoveredPeers(discovery, { ...flags, service }, log);
  }

  /** The servers of the service. */
  get directory(): ServerDirectory {
    return this.#discovery.service(this.#flags.service);
  }

  /** Keeps the session supplied until it ends. `own`: addresses of this server, which brings in others. */
  addTo(session: ServerSession, own: readonly string[]): void {
    const { replicas, serverId } = this.#flags;
    const { directory } = this;
    keepDiscoveredPaths(session, directory, {
      count: replicas,
      query: { exclude: [...own, ...(serverId === undefined ? [] : [serverId])] },
      onShort: (reason) => this.#log.fewServers(session.id, reason),
    });
    const added = new Set<number>();
    session.onPathChange((path) => {
      const { id, state, primary, address, rttMs } = path;
      if (primary || directory.find(address) === undefined) return;
      if (state === 'active' && !added.has(id)) {
        added.add(id);
        this.#log.peerAdded(session.id, address, rttMs);
      } else if (state === 'dead' && added.delete(id)) this.#log.pathLost(session.id, path);
    });
  }

  [Symbol.dispose](): void {
    this.#discovery.close();
  }
}
