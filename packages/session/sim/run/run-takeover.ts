import { KwikError } from '@kwik/wire';
import type { ServerSession, Session } from '../../src/api/session.js';
import type { Takeover } from '../../src/api/takeover.js';
import type { SessionEngine } from '../../src/runtime/session/engine.js';
import { replicaOf } from '../actors/content.js';
import { Requests, serveRequests } from '../actors/requests.js';
import { healedAtMs, type Plan, type TakeoverPlan } from '../plan/plan.js';
import { watchBounds } from '../rules/bounds.js';
import { isReaderCanary, plantInReader, type Canary } from '../rules/canary.js';
import { SimulatedClient } from '../world/client.js';
import { injectFaults } from '../world/inject.js';
import { SimulatedServer } from '../world/server.js';
import { World } from '../world/world.js';
import { closeAll, keepQuiet, until } from './last-steps.js';

/** As in other runs; a ticket that nobody takes holds up the end of a session for a minute. */
const LIVENESS_MS = 180_000;
const ADD_TIMEOUT_MS = 5000;

interface TakeoverRunOptions {
  readonly canary?: Canary | undefined;
  readonly write?: ((line: string) => void) | undefined;
}

/** A session whose primaries are killed, one after the other, while its client gets contents and has things sent back. */
export class TakeoverRun {
  readonly world: World;
  readonly #takeover: TakeoverPlan;
  readonly #canary: Canary | undefined;
  readonly #servers: readonly SimulatedServer[];
  readonly #client: SimulatedClient;
  #engine: SessionEngine | undefined;
  /** Number of the server that the client takes for its primary. */
  #primary = 0;
  #kills = 0;
  #allDead = false;
  #ended = false;
  #closing = false;
  #watching = true;

  constructor(plan: Plan, takeover: TakeoverPlan, { canary, write }: TakeoverRunOptions) {
    this.world = new World(plan, write);
    this.#takeover = takeover;
    this.#canary = canary;
    this.#servers = plan.servers.map(
      (server) =>
        new SimulatedServer(this.world, server, {
          onSession: (session, at) => this.#onSession(session, at),
          replica: (key, at) => replicaOf(this.world, key, at),
          wrap: (transport) => transport,
        }),
    );
    this.#client = new SimulatedClient(this.world, canary);
  }

  async execute(): Promise<void> {
    for (const server of this.#servers) server.start();
    injectFaults(this.world, this.#servers, this.#client);
    watchBounds(
      this.world,
      () => this.#engine,
      () => this.#watching,
    );
    this.world.task('the client', this.#client.process, () => this.#runClient());
    await this.#complete();
    await this.#close();
    this.#watching = false;
    await keepQuiet(this.world);
    this.world.trace.note('end');
  }

  async #runClient(): Promise<void> {
    const session = await this.#dial();
    if (session === undefined) return;
    this.world.trace.note('client: session');
    session.onPathChange(({ id, address, state, reason }) =>
      this.world.trace.note(`client: path ${id} to ${address} ${state} ${reason ?? ''}`),
    );
    void session.closed.then((info) => {
      this.#ended = true;
      this.world.trace.note(`client: closed by ${info.by} (${info.code}) ${info.reason}`);
      if (!this.#closing && !this.#allDead)
        this.world.violate('sessions live', `it ended by ${info.by}: ${info.reason}, and a standby was there`);
    });
    session.onTakeover((takeover) => this.#onTakeover(takeover));
    this.#armKill();
    new Requests(this.world, { session, process: this.#client.process, mayEnd: () => this.#allDead }).start();
  }

  async #dial(): Promise<Session | undefined> {
    try {
      return await this.#client.dial(this.#servers[0]!.address, (engine) => {
        this.#engine = engine;
        if (isReaderCanary(this.#canary)) plantInReader(engine, this.#canary);
      });
    } catch (error) {
      if (!(error instanceof KwikError) || !this.world.expectations.dialMayFail) throw error;
      this.world.dialFailed = true;
      this.world.trace.note(`client: no session: ${error.code} ${error.message}`);
      return undefined;
    }
  }

  /** The client says who has the session now: the standby of whoever had it. */
  #onTakeover({ address, before, lost }: Takeover): void {
    this.world.trace.note(`client: ${address} took the session over from ${before}; ${lost.length} streams are lost`);
    const standby = (this.#primary + 1) % this.#takeover.fleet;
    const [from, to] = [this.#servers[this.#primary]!.address, this.#servers[standby]!.address];
    if (before !== from || address !== to)
      this.world.violate('the standby takes over', `${address} from ${before}; ${to} from ${from} was to`);
    this.#primary = standby;
    this.#armKill();
  }

  #onSession(session: ServerSession, { plan }: SimulatedServer): void {
    if (session.role !== 'primary') return;
    const id = this.#client.session?.id;
    if (session.takenOver && session.id !== id)
      this.world.violate('a session is taken over as it is', `${session.id} at server ${plan.index}, not ${id}`);
    if (!session.takenOver && plan.index !== 0)
      this.world.violate('only the dialled server begins sessions', `server ${plan.index}`);
    serveRequests(this.world, session);
    for (const { index, host } of this.world.plan.servers) {
      if (index < this.#takeover.fleet) continue;
      // Whether it comes makes no difference but in time.
      session.addPath(`${host}:4433`, { timeoutMs: ADD_TIMEOUT_MS }).catch((error: unknown) => {
        if (!(error instanceof KwikError)) this.world.violate('errors are KwikErrors', String(error));
      });
    }
  }

  /** The next kill is of whoever is the primary then. */
  #armKill(): void {
    const kill = this.#takeover.kills[this.#kills];
    if (kill === undefined) return;
    const primary = this.#primary;
    this.world.clock.schedule(kill.afterMs, () => {
      if (this.#primary !== primary || this.#takeover.kills[this.#kills] !== kill || this.#ended || this.#closing)
        return;
      this.#kills++;
      if (this.#takeover.all && this.#kills === this.#takeover.kills.length) this.#killAll();
      else this.#kill(primary, kill.restartMs);
    });
  }

  #kill(index: number, restartMs: number): void {
    const server = this.#servers[index]!;
    this.world.trace.note(`server ${index} is killed`);
    server.crash();
    this.world.clock.schedule(restartMs, () => {
      if (this.#allDead) return;
      this.world.trace.note(`server ${index} is started again`);
      server.start();
    });
  }

  #killAll(): void {
    this.world.trace.note('all servers of the fleet are killed');
    this.#allDead = true;
    for (const server of this.#servers.slice(0, this.#takeover.fleet)) {
      if (this.world.processes.has(server.plan.host)) server.crash();
    }
  }

  /** Everything completes, or says that there is nobody left. */
  async #complete(): Promise<void> {
    const healedMs = healedAtMs(this.world.plan);
    const done = (): boolean => this.world.unfinished(true).length === 0 && this.world.clock.now() >= healedMs;
    if (await until(this.world, done, healedMs + LIVENESS_MS)) return;
    const names = this.world.unfinished(true);
    if (names.length > 0) this.world.violate('everything completes', `these do not: ${names.join(', ')}`);
  }

  async #close(): Promise<void> {
    if (this.world.violation !== undefined) return;
    this.#closing = true;
    await closeAll(this.world, this.#client.session, this.#servers);
  }
}
