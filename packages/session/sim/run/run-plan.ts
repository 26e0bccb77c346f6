import { KwikError } from '@kwik/wire';
import type { ServerSession, Session } from '../../src/api/session.js';
import { runContents, replicaOf } from '../actors/content.js';
import { contribute, Contributions } from '../actors/contributions.js';
import { runDatagrams } from '../actors/datagrams.js';
import { Found } from '../actors/found.js';
import { PathCommands } from '../actors/paths.js';
import { RawTraffic } from '../actors/raw.js';
import { runStreams, type End } from '../actors/streams.js';
import { healedAtMs, type Plan } from '../plan/plan.js';
import { isReaderCanary, plantInReader, type Canary } from '../rules/canary.js';
import { watchBounds } from '../rules/bounds.js';
import type { SessionEngine } from '../../src/runtime/session/engine.js';
import { SimulatedClient } from '../world/client.js';
import { corruptTransport } from '../world/evil-peer.js';
import { injectFaults } from '../world/inject.js';
import { injectRelayFaults } from '../world/relay-faults.js';
import { SimulatedServer, type ServerApplication } from '../world/server.js';
import { Spender } from '../world/spender.js';
import { World, type Violation } from '../world/world.js';
import { closeAll, keepQuiet, until } from './last-steps.js';
import { TakeoverRun } from './run-takeover.js';

/** From the last fault's end on, everything is done within this: several idle timeouts, and the slowest of plans. */
const LIVENESS_MS = 120_000;
/** Waits between attempts double up to half a minute, and the last attempt may have begun just before the end. */
const RECOVERY_MS = 80_000;
/** An opened stream takes one way, too. */
const ACCEPT_MS = 10_000;
/** A relayed packet takes one way over one path. */
const RAW_MS = 10_000;

export interface RunOptions {
  readonly canary?: Canary | undefined;
  /** Gets each line of the trace as it happens. */
  readonly write?: ((line: string) => void) | undefined;
}

export interface RunResult {
  readonly seed: number;
  readonly violation: Violation | undefined;
  /** Of the trace: two runs of one seed have the same. */
  readonly digest: string;
  readonly virtualMs: number;
}

/** Runs one plan from the first packet to the last timer. */
export async function runPlan(plan: Plan, options: RunOptions = {}): Promise<RunResult> {
  const run = plan.takeover === undefined ? new Run(plan, options) : new TakeoverRun(plan, plan.takeover, options);
  const onRejection = (reason: unknown): void => {
    const text = reason instanceof Error ? (reason.stack ?? '') : String(reason);
    run.world.violate('every rejection is handled', text);
  };
  process.on('unhandledRejection', onRejection);
  try {
    await run.execute();
  } catch (error) {
    run.world.violate('nothing throws', error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    // Rejections are told after the promises of their turn have settled.
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', onRejection);
  }
  const { world } = run;
  return { seed: plan.seed, violation: world.violation, digest: world.trace.digest(), virtualMs: world.clock.now() };
}

class Run {
  readonly world: World;
  readonly #canary: Canary | undefined;
  readonly #servers: readonly SimulatedServer[];
  readonly #client: SimulatedClient;
  readonly #raws: RawTraffic;
  readonly #paths: PathCommands;
  readonly #spender: Spender | undefined;
  readonly #found: Found | undefined;
  /** Sessions of the dialled server that the client has not said it has. */
  readonly #offered: { readonly session: ServerSession; readonly server: SimulatedServer }[] = [];
  #contributions: Contributions | undefined;
  #clientEngine: SessionEngine | undefined;
  #primaryEnd: (End & { readonly session: ServerSession }) | undefined;
  #watching = true;
  #closing = false;

  constructor(plan: Plan, { canary, write }: RunOptions) {
    this.world = new World(plan, write);
    this.#canary = canary;
    this.#servers = plan.servers.map((server) => new SimulatedServer(this.world, server, this.#application()));
    this.#client = new SimulatedClient(this.world, canary);
    this.#raws = new RawTraffic(this.world);
    this.#paths = new PathCommands(this.world, this.#servers);
    this.#spender = plan.spender && new Spender(this.world, plan.spender);
    this.#found = plan.discovery && new Found(this.world, plan.discovery, this.#servers, canary);
  }

  async execute(): Promise<void> {
    for (const server of this.#servers) server.start();
    this.#spender?.start(this.#servers[0]!.address);
    injectFaults(this.world, this.#servers, this.#client);
    injectRelayFaults(this.world, this.#servers);
    watchBounds(
      this.world,
      () => this.#clientEngine,
      () => this.#watching,
    );
    this.world.task('the client', this.#client.process, () => this.#runClient());
    await this.#complete();
    await this.#recover();
    await this.#deliverRaws();
    // Who opens a stream and resets it at once is done before the other side knows of it. In sessions that ended it never will.
    await until(this.world, () => this.world.unaccepted === 0 && this.#done(true), ACCEPT_MS);
    await this.#close();
    this.#watching = false;
    await keepQuiet(this.world);
    this.world.trace.note('end');
  }

  async #dial(): Promise<Session | undefined> {
    try {
      const probe = (engine: SessionEngine): void => {
        this.#clientEngine = engine;
        if (isReaderCanary(this.#canary)) plantInReader(engine, this.#canary);
      };
      if (this.#found !== undefined) return await this.#client.dialService(this.#found, probe);
      return await this.#client.dial(this.#servers[0]!.address, probe);
    } catch (error) {
      if (!(error instanceof KwikError) || !this.world.expectations.dialMayFail) throw error;
      this.world.dialFailed = true;
      this.world.trace.note(`client: no session: ${error.code} ${error.message}`);
      return undefined;
    }
  }

  async #runClient(): Promise<void> {
    const session = await this.#dial();
    if (session === undefined) return;
    this.world.trace.note(`client: session`);
    session.onPathChange(({ id, state, reason }) =>
      this.world.trace.note(`client: path ${id} ${state} ${reason ?? ''}`),
    );
    void session.closed.then((info) => {
      this.world.trace.note(`client: closed by ${info.by} (${info.code}) ${info.reason}`);
      const objection = this.#closing ? undefined : this.world.expectations.objectionTo(info);
      if (objection !== undefined) this.world.violate('sessions live', objection);
    });
    const end: End = { side: 'client', session, process: this.#client.process };
    this.#accept(end);
    this.#servePrimary();
    runStreams(this.world, end, () => this.#primary());
    runDatagrams(this.world, end);
    runContents(this.world, end, () => this.#primary());
  }

  #primary(): End & { readonly session: ServerSession } {
    return this.#primaryEnd!;
  }

  #application(): ServerApplication {
    return {
      onSession: (session, server) => this.#onSession(session, server),
      replica: (key, server) => replicaOf(this.world, key, server),
      wrap: (transport, server) => corruptTransport(this.world, server, transport),
    };
  }

  #onSession(session: ServerSession, server: SimulatedServer): void {
    if (Spender.owns(session)) return;
    if (session.role === 'primary' && server.plan.index !== 0)
      return this.world.violate('only the dialled server is primary', `server ${server.plan.index}`);
    if (session.role !== 'primary' || !this.world.expectations.dialMayFail) return this.#serve(session, server);
    this.#offered.push({ session, server });
    this.#servePrimary();
  }

  /**
   * A client makes several attempts when a fault delays the first ones, and a server may have let in more than one of them:
   * the application works with the session that the client has.
   */
  #servePrimary(): void {
    const wanted = this.#client.session?.id;
    const index = this.#offered.findIndex(({ session }) => session.id === wanted);
    const [found] = index < 0 ? [] : this.#offered.splice(index, 1);
    if (found !== undefined) this.#serve(found.session, found.server);
  }

  #serve(session: ServerSession, server: SimulatedServer): void {
    const { process } = server;
    this.#raws.receive(session, server, {
      onCommand: (command) => void contribute(this.world, session, server, command),
      onDone: (job) => this.#contributions?.onDone(job),
    });
    this.#raws.send(session, server, (other) => this.#paths.pathTo(other));
    if (session.role !== 'primary') return;
    const end = { side: 'primary' as const, session, process };
    this.#primaryEnd = end;
    this.#accept(end);
    runStreams(this.world, end, () => this.#clientEnd());
    runDatagrams(this.world, end);
    this.#contributions = new Contributions(this.world, () => this.#paths.writers(session));
    this.#contributions.run(end, () => this.#clientEnd());
    this.#paths.run(session, server);
    this.#found?.keep(session, server);
  }

  #clientEnd(): End {
    return { side: 'client', session: this.#client.session!, process: this.#client.process };
  }

  /** Takes what the other side opens until the session ends. */
  #accept({ session, side }: End): void {
    const accepting = async (): Promise<never> => {
      for (;;) this.world.accepted(await session.acceptStream(), side);
    };
    accepting().catch(() => undefined);
  }

  /** Liveness: once everything is healed, everything completes. */
  async #complete(): Promise<void> {
    const healedMs = healedAtMs(this.world.plan);
    if (
      !(await until(this.world, () => this.#done(false) && this.world.clock.now() >= healedMs, healedMs + LIVENESS_MS))
    ) {
      this.#unfinished(false, 'others are stalled');
      return;
    }
    this.world.trace.note('all is done that does not wait for it');
    this.world.releaseStalled();
    if (!(await until(this.world, () => this.#done(true), LIVENESS_MS)))
      this.#unfinished(true, 'nothing disturbs any more');
  }

  /** Lost secondaries come back. */
  async #recover(): Promise<void> {
    const missing = (): string => {
      const { session } = this.#client;
      const ended = session === undefined || this.#clientEngine?.closeInfo !== undefined;
      return ended ? '' : this.#paths.missing(session).join(', ');
    };
    if (await until(this.world, () => missing() === '', RECOVERY_MS)) return;
    this.world.violate('lost secondaries come back', `no path leads to ${missing()}`);
  }

  /** What was relayed last is still under way. */
  async #deliverRaws(): Promise<void> {
    if (await until(this.world, () => this.#raws.missing().length === 0, RAW_MS)) return;
    this.world.violate('raw packets get through', `${this.#raws.missing().join(', ')}: relayed, and not arrived`);
  }

  #done(stalledToo: boolean): boolean {
    return this.world.unfinished(stalledToo).length === 0;
  }

  #unfinished(stalledToo: boolean, while_: string): void {
    const names = this.world.unfinished(stalledToo);
    if (names.length > 0)
      this.world.violate('everything completes', `while ${while_}, these do not: ${names.join(', ')}`);
  }

  async #close(): Promise<void> {
    if (this.world.violation !== undefined) return;
    this.#closing = true;
    this.#found?.close();
    void this.#spender?.close();
    await closeAll(this.world, this.#client.session, this.#servers);
  }
}
