import type { OwnDiscovery } from '@kwik/discovery';
import type { ServerSession } from '../../src/api/session.js';
import { keepDiscoveredPaths } from '../../src/server/discovered-paths.js';
import type { DiscoveryPlan } from '../plan/plan.js';
import { plantInDirectory, type Canary } from '../rules/canary.js';
import { FoundRules } from '../rules/found-rules.js';
import { Announcements, SERVICE } from '../world/announcements.js';
import type { SimulatedClient } from '../world/client.js';
import { findServers } from '../world/found-servers.js';
import type { SimulatedServer } from '../world/server.js';
import type { World } from '../world/world.js';

/** Servers that are found: by the client, which dials a service, and by its primary, which keeps paths to others. */
export class Found {
  readonly rules: FoundRules;
  readonly #world: World;
  readonly #plan: DiscoveryPlan;
  readonly #announcements: Announcements;
  readonly #canary: Canary | undefined;
  readonly #open: OwnDiscovery[] = [];
  #over = false;

  constructor(world: World, plan: DiscoveryPlan, servers: readonly SimulatedServer[], canary: Canary | undefined) {
    this.#world = world;
    this.#plan = plan;
    this.#canary = canary;
    this.#announcements = new Announcements(world, plan);
    this.rules = new FoundRules(world, this.#announcements, servers);
  }

  /** What the client finds its primary by. */
  ofClient({ process }: SimulatedClient): OwnDiscovery {
    const discovery = this.#find(process, 0);
    this.rules.watchKnown(discovery.service(SERVICE), () => !this.#over);
    return discovery;
  }

  /** The primary keeps paths to the servers that it finds. */
  keep(session: ServerSession, { process, plan, address }: SimulatedServer): void {
    const directory = this.#find(process, plan.wallSkewMs).service(SERVICE);
    if (this.#canary === 'deaf') plantInDirectory(directory);
    const add = session.addPath.bind(session);
    session.addPath = (to, options) => {
      this.#world.trace.note(`server ${plan.index} takes ${to}`);
      this.rules.added(to);
      return add(to, options);
    };
    const onShort = (reason: string): void => this.#world.trace.note(`server ${plan.index}: ${reason}`);
    const query = { exclude: [address] };
    keepDiscoveredPaths(session, directory, { count: this.#plan.count, query, onShort, clock: process });
    let ended = false;
    void session.closed.then(() => (ended = true));
    const wanted = (): boolean => !this.#over && !ended;
    this.rules.watchKnown(directory, wanted);
    this.rules.watchPaths(session, directory, wanted);
  }

  /** Nobody looks for servers any more. */
  close(): void {
    this.#over = true;
    for (const discovery of this.#open.splice(0)) discovery.close();
  }

  #find(process: SimulatedClient['process'], skewMs: number): OwnDiscovery {
    const trusting = this.#canary === 'trusting';
    const discovery = findServers(this.#world, { announcements: this.#announcements, process, skewMs, trusting });
    this.#open.push(discovery);
    return discovery;
  }
}
