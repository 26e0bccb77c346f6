import { env } from 'node:process';
import { SessionPool } from './pool/session-pool.js';
import { ProcessFarewell } from './process/farewell.js';
import { ProcessHold } from './process/process-hold.js';
import { Discoveries } from './settings/discoveries.js';
import { type KwikSettings, mergeSettings, settingsOf } from './settings/settings.js';
import { PortTable } from './server/port-table.js';

/** What the sockets and servers of a process have in common. */
export class Network {
  readonly hold = new ProcessHold();
  readonly farewell = new ProcessFarewell();
  readonly pool = new SessionPool(this.farewell);
  readonly ports = new PortTable(this.farewell);
  readonly discoveries = new Discoveries(env);
  #configured: KwikSettings = {};

  /** A member that is undefined holds no longer. */
  configure(settings: KwikSettings): void {
    this.#configured = { ...this.#configured, ...settings };
  }

  /** For one call. Throws TypeError when a variable of the environment cannot be used. */
  settings(ofCall: KwikSettings | undefined): KwikSettings {
    return mergeSettings(settingsOf(env), this.#configured, ofCall);
  }
}

/** As in `node:net`, the sockets of a process share what they are made of, and no constructor is given it. */
export const network = new Network();
