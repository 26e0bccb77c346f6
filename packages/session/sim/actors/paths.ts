import { KwikError } from '@kwik/wire';
import type { ServerSession } from '../../src/api/session.js';
import type { PathPlan } from '../plan/plan.js';
import type { SimulatedServer } from '../world/server.js';
import type { World } from '../world/world.js';

const ADD_TIMEOUT_MS = 5000;

/** The primary's commands: which server joins when, and which leaves. Knows the numbers of the paths. */
export class PathCommands {
  readonly #world: World;
  readonly #servers: readonly SimulatedServer[];
  readonly #pathIds = new Map<number, number>();

  constructor(world: World, servers: readonly SimulatedServer[]) {
    this.#world = world;
    this.#servers = servers;
  }

  run(session: ServerSession, primary: SimulatedServer): void {
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
    return server === 0 ? 0 : this.#pathIds.get(server);
  }

  /** Paths to honest secondaries that live, as the primary knows. */
  writers(session: ServerSession): number[] {
    const alive = new Set(session.getActivePaths().map(({ id }): number => id));
    return [...this.#pathIds]
      .filter(([server, id]) => this.#servers[server]?.plan.evil.length === 0 && alive.has(id))
      .map(([, id]) => id);
  }

  async #add(session: ServerSession, { server }: PathPlan): Promise<void> {
    const target = this.#servers[server]!;
    const evil = target.plan.evil.length > 0;
    const path = await session.addPath(target.address, {
      timeoutMs: ADD_TIMEOUT_MS,
      ...(evil && { capabilities: ['replica', 'raw'] }),
    });
    this.#pathIds.set(server, path.id);
    this.#world.trace.note(`path ${path.id} to server ${server}: ${path.state}`);
  }

  async #remove(session: ServerSession, { server }: PathPlan): Promise<void> {
    const id = this.#pathIds.get(server);
    if (id === undefined) return;
    this.#pathIds.delete(server);
    await session.removePath(id, 'as planned');
    this.#world.trace.note(`path ${id} to server ${server}: removed`);
  }
}
