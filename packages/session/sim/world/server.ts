import { Ed25519Signer, noneServerAuth } from '@kwik/kcp';
import {
  deterministicRandomBytes,
  SeededRandom,
  type DirectionSettings,
  type MemoryLink,
  type MemoryListener,
  type ProcessClock,
} from '@kwik/testbed';
import type { PathTransport } from '@kwik/wire';
import type { ScalingEvent, ScalingOptions } from '../../src/api/scaling.js';
import type { ReplicaSource, ServerSession } from '../../src/api/session.js';
import { resolveLimits } from '../../src/limits.js';
import { resolveTimeouts } from '../../src/options/timeouts.js';
import { resolveWrites } from '../../src/options/writes.js';
import { SessionFactory } from '../../src/server/session-factory.js';
import { resolveRelay } from '../../src/server/relay/relay-config.js';
import { resolveTakeover } from '../../src/server/takeover/resolve-takeover.js';
import type { TakeoverConfig } from '../../src/server/takeover/standby-tickets.js';
import { Impostor } from '../../src/test-support/impostor.js';
import { SimulatedRelay } from '../../src/test-support/simulated-relay.js';
import type { ServerPlan } from '../plan/plan.js';
import type { World } from './world.js';

export const IDLE_TIMEOUT_MS = 30_000;
/** As the session sets them over UDP: never what limits a path. */
export const TRANSPORT_WINDOWS = { streamWindowBytes: 1 << 24, connectionWindowBytes: 1 << 25 };

const FLEET_KEY = new Uint8Array(32).fill(0xf1);

/** What runs on a server besides KWIK. */
export interface ServerApplication {
  onSession(session: ServerSession, server: SimulatedServer): void;
  replica(key: string, server: SimulatedServer): ReplicaSource | undefined;
  /** The connection as the session shall see it. */
  wrap(transport: PathTransport, server: SimulatedServer): PathTransport;
}

export interface ServerLink {
  readonly link: MemoryLink;
  /** As it was before any fault. */
  readonly pristine: Readonly<Record<'up' | 'down', DirectionSettings>>;
}

export function linkName(address: string, home: number): string {
  return home === 0 ? address : `${address} from home ${home}`;
}

/** A server process that can crash and be started again, with the same keys and nothing else. */
export class SimulatedServer {
  readonly plan: ServerPlan;
  readonly address: string;
  /** One for each home of the client; a secondary has one. */
  readonly links: readonly ServerLink[];
  readonly #world: World;
  readonly #application: ServerApplication;
  readonly #signer: Ed25519Signer;
  /** Signers whose tokens it believes. */
  readonly #trusted: readonly Uint8Array[];
  /** What passes by here, where it is a relay. */
  readonly relay: SimulatedRelay | undefined;
  #starts = 0;
  /** Who answers at the address while no process of this server runs. */
  #usurper: MemoryListener | undefined;
  process!: ProcessClock;
  /** Of the process that runs now. */
  sessions: ServerSession[] = [];
  transports: PathTransport[] = [];

  constructor(world: World, plan: ServerPlan, application: ServerApplication) {
    this.plan = plan;
    this.address = `${plan.host}:4433`;
    this.#world = world;
    this.#application = application;
    this.#signer = SIGNERS[plan.index]!;
    this.#trusted = SIGNERS.slice(0, world.plan.takeover?.fleet ?? 1).map(({ publicKey }) => publicKey);
    const relayed = world.plan.relays?.find(({ server }) => server === plan.index);
    this.relay = relayed && new SimulatedRelay(world.network, this.address, relayed.shape);
    if (this.relay !== undefined) world.relays.set(this.address, this.relay);
    this.links = [plan.shape, ...(plan.index === 0 ? world.plan.homes : [])].map((shape, home) => {
      const link = world.network.link(linkName(this.address, home), shape);
      return { link, pristine: { up: link.model('up').settings, down: link.model('down').settings } };
    });
  }

  start(): void {
    const { host, index, offsetMs, wallSkewMs } = this.plan;
    const { seed, serverLimits, serverRouting, scheduler } = this.#world.plan;
    this.#usurper?.close();
    this.#usurper = undefined;
    const process = this.#world.startProcess(host, offsetMs + this.#starts * 1000);
    this.process = process;
    this.sessions = [];
    this.transports = [];
    const factory = new SessionFactory({
      runtime: {
        clock: process,
        wallClockMs: () => this.#world.wallClockMs(wallSkewMs),
        random: deterministicRandomBytes(seed * 64 + index * 8 + this.#starts++),
      },
      identity: {
        serverId: host,
        audiences: () => [this.address],
        anchors: () => [this.address],
        signer: this.#signer,
      },
      admission: { auth: [noneServerAuth()], trust: { keys: this.#trusted }, admit: () => undefined },
      limits: resolveLimits(serverLimits),
      timeouts: resolveTimeouts({ idleMs: IDLE_TIMEOUT_MS }),
      writes: resolveWrites({ routing: serverRouting, scheduler }, 'distributed'),
      replica: (key) => this.#application.replica(key, this),
      scaling: this.#scaling(),
      takeover: this.#takeover(),
      ...(this.relay !== undefined && {
        relay: resolveRelay({ anchors: [this.#world.plan.servers[0]!.host] }, this.relay.forwarder),
      }),
      probe: (engine) => void this.#world.engines.add(engine),
    });
    this.#world.network.listen(
      this.address,
      (transport) => {
        this.transports.push(transport);
        this.#accept(factory, process, this.#application.wrap(transport, this));
      },
      { ...TRANSPORT_WINDOWS, idleTimeoutMs: IDLE_TIMEOUT_MS },
    );
  }

  #scaling(): ScalingOptions | undefined {
    const { scaling = false, servers } = this.#world.plan;
    if (!scaling || this.plan.index !== 0) return undefined;
    const candidates = servers.slice(1).map(({ host }) => ({ address: `${host}:4433` }));
    const onDecision = ({ kind, address, reason }: ScalingEvent): void =>
      this.#world.trace.note(`scaling: ${kind} ${address}: ${reason}`);
    return { candidates, onDecision };
  }

  /** Each server of the fleet has the next one as its standby. */
  #takeover(): TakeoverConfig | undefined {
    const { takeover, servers } = this.#world.plan;
    if (takeover === undefined || this.plan.index >= takeover.fleet) return undefined;
    const { host } = servers[(this.plan.index + 1) % takeover.fleet]!;
    return resolveTakeover({ fleetKeys: [FLEET_KEY], standby: { address: `${host}:4433` } });
  }

  #accept(factory: SessionFactory, process: ProcessClock, transport: PathTransport): void {
    factory.accept(transport).then(
      ({ purpose, session }) => {
        if (session === undefined) {
          const what =
            purpose === 'renew' ? 'a path has another connection' : 'the client is back, or has one path more';
          this.#world.trace.note(`server ${this.plan.index}: ${what}`);
          return;
        }
        this.#world.trace.note(`server ${this.plan.index}: session, as ${session.role}`);
        this.sessions.push(session);
        void session.closed.then(({ by, code, reason }) => {
          if (this.process === process)
            this.#world.trace.note(`server ${this.plan.index}: closed by ${by} (${code}) ${reason}`);
        });
        this.#application.onSession(session, this);
      },
      (error: unknown) => this.#world.trace.note(`server ${this.plan.index}: refused a connection: ${String(error)}`),
    );
  }

  /** The process dies, and somebody takes its place who has the key of its certificate, but not the secrets of its sessions. */
  usurp(): void {
    this.crash();
    const { index } = this.plan;
    const impostor = new Impostor(
      // Of a secondary no proof is asked.
      index === 0 && this.#starts % 2 === 1 ? 'rubbish' : 'none',
      (what) => this.#world.violate('an impostor reads nothing', `of server ${index}: ${what}`),
      index === 0 ? 'primary' : 'secondary',
    );
    const accept = (transport: PathTransport): void => {
      this.#world.trace.note(`server ${this.plan.index}: an impostor takes a connection`);
      impostor.accept(transport);
    };
    this.#usurper = this.#world.network.listen(this.address, accept, { idleTimeoutMs: IDLE_TIMEOUT_MS });
  }

  crash(): void {
    this.#usurper?.close();
    this.#usurper = undefined;
    this.#world.network.kill(this.address);
    this.relay?.forget();
    this.process.end();
    this.#world.processes.delete(this.plan.host);
    this.sessions = [];
    this.transports = [];
  }
}

/** Of all servers of all seeds: to make one takes as long as many packets. Ed25519 signs without randomness. */
const SIGNERS: readonly Ed25519Signer[] = Array.from({ length: 5 }, (_, index) =>
  Ed25519Signer.fromSeed(new SeededRandom(index + 1).bytes(32)),
);
