import type { ListenOptions, TakeoverOptions } from '@kwik/session';
import { formatHostPort, parseHostPort } from '../../address.js';
import { usageError } from '../../errors.js';
import { knock } from '../../fleet/knock.js';
import type { ServeLog } from '../serve-log.js';
import { readFleetKeys } from './fleet-keys.js';
import { Standbys } from './standbys.js';

/** What of the command line says where sessions go on. */
export interface TakeoverFlags {
  /** Files, one key in each. */
  readonly fleetKey: readonly string[];
  /** `host:port` each, the preferred first. */
  readonly standby: readonly string[];
  /** Seconds that sessions have to end, or to go to the standby, when the server is told to stop. */
  readonly drain?: number;
}

/** As many as a look takes in; one that answers is enough. */
const MAX_STANDBYS = 16;
/** Content goes on at once; requests that are being answered have so long to come to their end before the server stops. */
const HANDOVER_SECONDS = 5;

/** Throws a usage error for options that do not go together. */
export function checkTakeover({ fleetKey, standby }: TakeoverFlags): void {
  if (standby.length > 0 && fleetKey.length === 0) {
    throw usageError('--standby needs --fleet-key FILE: by that key the standby opens what this server seals for it');
  }
  if (standby.length > MAX_STANDBYS)
    throw usageError(`--standby was given ${standby.length} times; at most ${MAX_STANDBYS} count`);
}

/** How long sessions have when the server is told to stop, seconds; 0: they end at once. */
export function drainSeconds({ standby, drain }: Pick<TakeoverFlags, 'standby' | 'drain'>): number {
  return drain ?? (standby.length > 0 ? HANDOVER_SECONDS : 0);
}

/** Where sessions of this server go on, and whose it takes over. */
export class Takeover {
  /** For `listen`; without a key there is none, and sessions end with their server. */
  readonly options: Pick<ListenOptions, 'takeover'>;
  readonly #standbys: Standbys | undefined;

  private constructor(takeover?: TakeoverOptions, standbys?: Standbys) {
    this.options = takeover === undefined ? {} : { takeover };
    this.#standbys = standbys;
  }

  /** Rejects as `readFleetKeys` does. */
  static async open(
    { fleetKey, standby }: TakeoverFlags,
    { log, now }: { readonly log: Pick<ServeLog, 'standby'>; readonly now: () => number },
  ): Promise<Takeover> {
    if (fleetKey.length === 0) return new Takeover();
    const fleetKeys = await readFleetKeys(fleetKey);
    if (standby.length === 0) return new Takeover({ fleetKeys });
    const addresses = standby.map((address) => formatHostPort(parseHostPort(address)));
    const standbys = new Standbys({ addresses, knock, now, onChosen: (...chosen) => log.standby(...chosen) });
    return new Takeover({ fleetKeys, standby: () => standbys.choose() }, standbys);
  }

  /** The server listens: its standby is looked for before the first client comes. */
  begin(): void {
    void this.#standbys?.choose();
  }
}
