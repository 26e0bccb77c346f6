import type { OwnDiscovery } from '@kwik/discovery';
import { checkStandby } from '@kwik/session';
import type { ListenOptions, StandbyServer, TakeoverOptions } from '@kwik/session';
import { formatHostPort, parseHostPort } from '../../address.js';
import { openDiscovery, type DiscoverFlags } from '../../discovery/discover.js';
import { usageError } from '../../errors.js';
import { knock } from '../../fleet/knock.js';
import type { CliIo } from '../../io.js';
import type { ServeLog } from '../serve-log.js';
import { readFleetKeys } from './fleet-keys.js';
import { FoundStandbys } from './found-standbys.js';
import { Standbys } from './standbys.js';

/** What of the command line says where sessions go on. */
export interface TakeoverFlags {
  /** Files, one key in each. */
  readonly fleetKey: readonly string[];
  /** `host:port` each, the preferred first. */
  readonly standby: readonly string[];
  /** Where standbys are found, as `parseSource` reads it. */
  readonly standbyFrom: readonly string[];
  /** Seconds that sessions have to end, or to go to the standby, when the server is told to stop. */
  readonly drain?: number;
}

/** What finding them takes besides. */
export interface FindingFlags extends Omit<DiscoverFlags, 'discover'> {
  readonly service?: string;
  readonly serverId?: string;
  readonly region?: string;
  readonly zone?: string;
}

/** As many as a look takes in; one that answers is enough. */
const MAX_STANDBYS = 16;
/** Content goes on at once; requests that are being answered have so long to come to their end before the server stops. */
const HANDOVER_SECONDS = 5;

/** Throws a usage error for options that do not go together. */
export function checkTakeover({
  fleetKey,
  standby,
  standbyFrom,
  service,
}: TakeoverFlags & Pick<FindingFlags, 'service'>): void {
  if (standby.length > 0 && fleetKey.length === 0) {
    throw usageError('--standby needs --fleet-key FILE: by that key the standby opens what this server seals for it');
  }
  if (standbyFrom.length > 0 && fleetKey.length === 0) {
    throw usageError(
      '--standby-from needs --fleet-key FILE: by that key the standby opens what this server seals for it',
    );
  }
  if (standbyFrom.length > 0 && service === undefined)
    throw usageError('--standby-from takes --service NAME: of whose servers one takes sessions over');
  if (standby.length > MAX_STANDBYS)
    throw usageError(`--standby was given ${standby.length} times; at most ${MAX_STANDBYS} count`);
}

/** Sessions go on elsewhere when the server is gone. */
export function hasStandby({ standby, standbyFrom }: Pick<TakeoverFlags, 'standby' | 'standbyFrom'>): boolean {
  return standby.length + standbyFrom.length > 0;
}

/** How long sessions have when the server is told to stop, seconds; 0: they end at once. */
export function drainSeconds(flags: Pick<TakeoverFlags, 'standby' | 'standbyFrom' | 'drain'>): number {
  return flags.drain ?? (hasStandby(flags) ? HANDOVER_SECONDS : 0);
}

interface TakeoverNeeds {
  readonly log: Pick<ServeLog, 'standby' | 'standbyUnable'>;
  readonly io: Pick<CliIo, 'env' | 'now'>;
  /** This server serves files. */
  readonly hasFiles: boolean;
}

/** Where sessions of this server go on, and whose it takes over. */
export class Takeover implements Disposable {
  /** For `listen`; without a key there is none, and sessions end with their server. */
  readonly options: Pick<ListenOptions, 'takeover'>;
  readonly #discovery: OwnDiscovery | undefined;
  #standbys: Standbys | undefined;
  #own: readonly string[] = [];
  #onChange = (): void => undefined;

  private constructor(fleetKeys?: TakeoverOptions['fleetKeys'], flags?: TakeoverFlags, discovery?: OwnDiscovery) {
    this.#discovery = discovery;
    if (fleetKeys === undefined || flags === undefined) this.options = {};
    else if (!hasStandby(flags)) this.options = { takeover: { fleetKeys } };
    else this.options = { takeover: { fleetKeys, standby: () => this.#standbys?.choose() } };
  }

  /** Rejects as `readFleetKeys` and `openDiscovery` do. */
  static async open(flags: TakeoverFlags & FindingFlags, needs: TakeoverNeeds): Promise<Takeover> {
    if (flags.fleetKey.length === 0) return new Takeover();
    const fleetKeys = await readFleetKeys(flags.fleetKey);
    const { standbyFrom: discover, serverId, region, zone } = flags;
    const ignore = serverId === undefined ? [] : [serverId];
    // What stands in the environment is for other commands, too.
    const discovery =
      discover.length === 0
        ? undefined
        : await openDiscovery({ ...flags, discover }, needs.io, { ignore, region, zone });
    const takeover = new Takeover(fleetKeys, flags, discovery);
    try {
      if (hasStandby(flags)) takeover.#standbys = takeover.#open(flags, needs, fleetKeys);
      return takeover;
    } catch (error) {
      takeover[Symbol.dispose]();
      throw error;
    }
  }

  /** The server listens; `own`: its addresses, which are no standby's. `onChange`: the standby is another one, or none. */
  begin(own: readonly string[], onChange: () => void): void {
    this.#own = own;
    this.#onChange = onChange;
  }

  /** Its standby is looked for before the first client comes. */
  look(): void {
    void this.#standbys?.choose();
  }

  [Symbol.dispose](): void {
    this.#discovery?.close();
  }

  /** Throws for a name that is none of a service. */
  #open(
    { standby, service = '', serverId, zone = '' }: TakeoverFlags & FindingFlags,
    needs: TakeoverNeeds,
    fleetKeys: TakeoverOptions['fleetKeys'],
  ): Standbys {
    const { log, io, hasFiles } = needs;
    const directory = this.#discovery?.service(service);
    const own = (): string[] => [...this.#own, ...(serverId === undefined ? [] : [serverId])];
    const standbys = new Standbys({
      addresses: standby.map((address) => formatHostPort(parseHostPort(address))),
      found: directory && new FoundStandbys({ directory, hasFiles, zone, own }),
      knock,
      check: (server: StandbyServer) => checkStandby(server, { fleetKeys }),
      now: () => io.now(),
      onChosen: (chosen) => {
        log.standby(chosen);
        this.#onChange();
      },
      onUnable: (...told) => log.standbyUnable(...told),
    });
    directory?.onChange(() => standbys.changed());
    return standbys;
  }
}
