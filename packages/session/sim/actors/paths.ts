import { KwikError } from '@kwik/wire';
import type { PathCapability, ServerSession, Session } from '../../src/api/session.js';
import { trespasses, type PathPlan, type ServerPlan } from '../plan/plan.js';
import type { SimulatedServer } from '../world/server.js';
import type { World } from '../world/world.js';

const ADD_TIMEOUT_MS = 5000;
/** States of paths that carry nothing new. */
const GOING: ReadonlySet<string> = new Set(['connecting', 'draining', 'recovering', 'dead']);

/** The primary's commands: which server joins when, and which leaves. Knows the numbers of the paths. */
export class PathCommands {
  readonly #world: World;
  readonly #servers: readonly SimulatedServer[];
  /** Servers that were added and not removed since. */
  readonly #wanted = new Set<number>();
  #session: ServerSession | undefined;

  constructor(world: World, servers: readonly SimulatedServer[]) {
    this.#world = world;
    this.#servers = servers;
  }

  run(session: ServerSession, primary: SimulatedServer): void {
    this.#session = session;
    for (const plan of this.#world.plan.paths) {
      const { process } = primary;
      const work = () => (plan.action === 'add' ? this.#add(session, plan) : this.#remove(session, plan));
      this.#world.task(`${plan.action} path to server ${plan.server}`, process, async () => {
        await this.#world.pause(process, plan.atMs);
        try {
          await work();
        } catch (error) {
          if (!(error instanceof KwikError)) throw error;
          this.#world.trace.note(`${plan.action} path to server ${plan.server}: ${error.code} ${error.message}`);
          if (this.#world.expectations.pathMayFail(plan.server)) return;
          this.#world.violate('paths come and go as told', `${plan.action} server ${plan.server}: ${error.message}`);
        }
      });
    }
  }

  /** Undefined when the session has no living path to the server that we know of. */
  pathTo(server: number): number | undefined {
    if (server === 0) return 0;
    const { address } = this.#servers[server]!;
    return this.#session?.getActivePaths().find((path) => path.address === address && !GOING.has(path.state))?.id;
  }

  /** Paths to honest secondaries that live, as the primary knows. */
  writers(session: ServerSession): number[] {
    const honest = new Set(this.#servers.filter(({ plan }) => plan.evil.length === 0).map(({ address }) => address));
    return session
      .getActivePaths()
      .filter(({ primary, address, state }) => !primary && honest.has(address) && !GOING.has(state))
      .map(({ id }) => id);
  }

  /** Servers that should be reached and are not, as the client sees it. */
  missing(client: Session): string[] {
    const active = new Set(client.getActivePaths().map(({ address }) => address));
    return [...this.#wanted]
      .map((index) => this.#servers[index]!)
      .filter(({ address, plan }) => !active.has(address) && plan.evil.length === 0 && plan.replica !== 'liar')
      .map(({ address }) => address);
  }

  async #add(session: ServerSession, { server }: PathPlan): Promise<void> {
    const target = this.#servers[server]!;
    const capabilities = [...capabilitiesOf(target.plan), ...(target.relay === undefined ? [] : (['relay'] as const))];
    const path = await session.addPath(target.address, { timeoutMs: ADD_TIMEOUT_MS, capabilities });
    this.#wanted.add(server);
    this.#world.trace.note(`path ${path.id} to server ${server}: ${path.state}`);
  }

  async #remove(session: ServerSession, { server }: PathPlan): Promise<void> {
    const id = this.pathTo(server);
    this.#wanted.delete(server);
    if (id === undefined) return;
    await session.removePath(id, 'as planned');
    this.#world.trace.note(`path ${id} to server ${server}: removed`);
  }
}

/** Byzantine servers may not contribute, but for those whose evil is to do it where they were not told. */
function capabilitiesOf(plan: ServerPlan): PathCapability[] {
  const mayContribute = plan.evil.length === 0 || trespasses(plan);
  return mayContribute ? ['replica', 'raw', 'contribute'] : ['replica', 'raw'];
}
