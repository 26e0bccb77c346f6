import type { Clock } from '@kwik/wire';
import type { HandOver, HandOverOptions } from '../../api/listener.js';
import type { ListenOptions } from '../../api/options.js';
import type { UserCallbacks } from '../../runtime/host/user-callbacks.js';
import type { AcceptedSession } from '../server-session.js';
import { AbleStandbys } from './able-standbys.js';
import { checkStandby } from './check-standby.js';
import { HandOvers } from './hand-over.js';
import { resolveTakeover } from './resolve-takeover.js';
import { StandbyChanges } from './standby-changes.js';
import type { TakeoverConfig } from './standby-tickets.js';

export interface ListenerTakeoverNeeds {
  readonly sessions: ReadonlySet<AcceptedSession>;
  readonly clock: Clock;
  readonly callbacks: UserCallbacks;
  readonly isClosing: () => boolean;
}

/** How the sessions of a listener survive it. */
export class ListenerTakeover {
  /** For each of its sessions. */
  readonly config: TakeoverConfig | undefined;
  readonly #needs: ListenerTakeoverNeeds;
  readonly #handOvers = new HandOvers();
  readonly #changes: StandbyChanges;
  readonly #ended = new AbortController();

  /** Throws ERR_KWIK_INVALID_ARGUMENT. */
  constructor({ takeover, runtime }: Pick<ListenOptions, 'takeover' | 'runtime'>, needs: ListenerTakeoverNeeds) {
    this.#needs = needs;
    this.#changes = new StandbyChanges(needs.sessions, needs.clock);
    const config = takeover && resolveTakeover(takeover);
    if (takeover?.standby === undefined || config === undefined) {
      this.config = config;
      return;
    }
    const { fleetKeys, standby, ticketLifeMs, onStandbyUnable } = takeover;
    const lifeMs = ticketLifeMs === undefined ? {} : { ticketLifeMs };
    const { signal } = this.#ended;
    const able = new AbleStandbys({
      clock: needs.clock,
      named: standby,
      check: (server) => checkStandby(server, { fleetKeys, ...lifeMs, ...(runtime && { runtime }), signal }),
      onUnable: (...told) => needs.callbacks.call('takeover.onStandbyUnable', onStandbyUnable, ...told),
      onChange: () => this.changed(),
    });
    this.config = { ...config, standby: () => able.current() };
    // The first client does not wait for the answer.
    if (typeof standby !== 'function') void able.current();
  }

  handOver(options: HandOverOptions): Promise<HandOver> {
    return this.#handOvers.begin(options, { ...this.#needs, hasStandby: this.config?.standby !== undefined });
  }

  changed(): void {
    this.#changes.changed();
  }

  end(): void {
    this.#changes.end();
    this.#ended.abort();
  }
}
