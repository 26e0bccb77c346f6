import { channel } from 'node:diagnostics_channel';
import { Ed25519Signer, noneServerAuth } from '@kwik/kcp';
import {
  deterministicRandomBytes,
  MemoryNetwork,
  ProcessClock,
  VirtualClock,
  type LinkShape,
  type MemoryLink,
} from '@kwik/testbed';
import {
  type AccessControl,
  type AuditSink,
  CounterRegistry,
  DiagnosticPublisher,
  type PathTransport,
  type Scheduler,
} from '@kwik/wire';
import type {
  DialOptions,
  ListenOptions,
  ProcessDiagnostics,
  RelayOptions,
  ReplicaSource,
  ServerSession,
  Session,
  SessionLimits,
  WriteRouting,
} from '@kwik/session';
import type { Connector, ConnectOptions } from '../src/client/connector.js';
import { dialOver } from '../src/client/dial.js';
import type { DialSpecials } from '../src/client/dial-specials.js';
import { resolveLimits } from '../src/limits.js';
import { resolveTimeouts } from '../src/options/timeouts.js';
import { withMembers } from '../src/options/with-members.js';
import { resolveWrites } from '../src/options/writes.js';
import { newHost } from '../src/runtime/host/session-host.js';
import type { Shortage } from '../src/core/policy/shortage.js';
import { resolveRelay } from '../src/server/relay/relay-config.js';
import { resolveTakeover } from '../src/server/takeover/resolve-takeover.js';
import { SessionFactory } from '../src/server/session-factory.js';
import { SimulatedRelay } from '../src/test-support/simulated-relay.js';

/** Of all servers: each believes the tokens of the others. */
const SIGNER = Ed25519Signer.fromSeed(new Uint8Array(32).fill(7));
const RECOVERY_MS = 30_000;

export interface SimulatedServerOptions {
  /** Of whatever content. */
  readonly source?: ReplicaSource;
  /** Of content by its key, in the place of `source`. */
  readonly replica?: ListenOptions['replica'];
  readonly onSession?: (session: ServerSession) => void;
  readonly scaling?: ListenOptions['scaling'];
  readonly takeover?: ListenOptions['takeover'];
  readonly access?: AccessControl;
  readonly audit?: AuditSink;
  /** Signs its tokens and grants. Default: the same for all. */
  readonly signer?: Ed25519Signer;
  readonly makeScheduler?: () => Scheduler;
  /** Another host at which it answers as well, over a link of its own. */
  readonly alsoAt?: string;
  /** Default: `distributed`. */
  readonly routing?: WriteRouting;
  readonly limits?: SessionLimits;
  /** Default 30 s. */
  readonly idleTimeoutMs?: number;
  /** It forwards to these hosts, over ways of this shape. */
  readonly relay?: RelayOptions & { readonly shape: LinkShape };
  /** The connection as the session shall see it. */
  readonly wrap?: (transport: PathTransport) => PathTransport;
  /** Of its sessions, besides those that all have. */
  readonly features?: DialSpecials['features'];
}

export interface SimulatedClientOptions extends DialSpecials {
  /** The connection as the session shall see it. */
  readonly wrap?: (transport: PathTransport) => PathTransport;
  /** Whether a path that lives can be connected anew. Default: it can. */
  readonly repeats?: boolean;
}

export interface SimulatedServer {
  readonly address: string;
  readonly link: MemoryLink;
  /** Its timers, and no others, run here. */
  readonly process: ProcessClock;
  /** What passes by, where it is a relay. */
  readonly relay: SimulatedRelay | undefined;
  /** Sessions in the order of their coming. */
  readonly sessions: ServerSession[];
  /** Why connections were refused. */
  readonly refusals: unknown[];
  /** What it is short of. */
  readonly shortage: Shortage;
}

/** The real session code at both ends, on virtual time: seconds of network in milliseconds of computing. */
export class SimulatedWorld {
  readonly clock = new VirtualClock();
  /** Of the client: its timers, and no others, run here. */
  readonly client = new ProcessClock(this.clock);
  readonly network: MemoryNetwork;
  /** Of all sessions here, and of nobody else. */
  readonly diagnostics: ProcessDiagnostics = {
    counters: new CounterRegistry(),
    publisher: new DiagnosticPublisher(channel),
  };
  readonly #random: (bytes: number) => Uint8Array;
  readonly #relays = new Map<string, SimulatedRelay>();

  constructor(readonly seed: number) {
    this.network = new MemoryNetwork({ clock: this.clock, seed });
    this.#random = deterministicRandomBytes(seed);
  }

  /** A server at `host:4433` behind a link of the given shape; sessions go to `onSession`. */
  server(host: string, shape: LinkShape, options: SimulatedServerOptions = {}): SimulatedServer {
    const address = `${host}:4433`;
    const process = new ProcessClock(this.clock);
    const { idleTimeoutMs = RECOVERY_MS, signer = SIGNER, access } = options;
    const guard = access && { access };
    const relay = options.relay && new SimulatedRelay(this.network, address, options.relay.shape);
    if (relay !== undefined) this.#relays.set(address, relay);
    const factory = new SessionFactory({
      runtime: { clock: process, wallClockMs: () => Date.now(), random: this.#random },
      identity: { serverId: host, audiences: () => [address], anchors: () => [address], signer },
      admission: {
        auth: [noneServerAuth()],
        trust: { keys: [SIGNER.publicKey, signer.publicKey] },
        admit: () => undefined,
        guard,
      },
      limits: resolveLimits(options.limits),
      timeouts: resolveTimeouts({ idleMs: idleTimeoutMs, recoveryMs: RECOVERY_MS }),
      writes: resolveWrites({ scheduler: options.makeScheduler ?? 'adaptive' }, options.routing ?? 'distributed'),
      replica: options.replica ?? (() => options.source),
      scaling: options.scaling,
      takeover: options.takeover && resolveTakeover(options.takeover),
      ...(relay !== undefined && { relay: resolveRelay(options.relay!, relay.forwarder) }),
      ...(options.features !== undefined && { features: options.features }),
      host: newHost({ diagnostics: this.diagnostics, audit: options.audit }),
    });
    const link = this.network.link(address, shape);
    const { shortage } = factory.host.policy;
    const server: SimulatedServer = { address, link, process, relay, sessions: [], refusals: [], shortage };
    const onConnection = (transport: PathTransport): void => {
      factory.accept(options.wrap?.(transport) ?? transport).then(
        ({ session }) => {
          if (session === undefined) return;
          server.sessions.push(session);
          options.onSession?.(session);
        },
        (error: unknown) => server.refusals.push(error),
      );
    };
    this.network.listen(address, onConnection, { idleTimeoutMs });
    if (options.alsoAt !== undefined) {
      const other = `${options.alsoAt}:4433`;
      this.network.link(other, shape);
      this.network.listen(other, onConnection, { idleTimeoutMs });
    }
    return server;
  }

  /** A client of the server. */
  async dial(
    address: string,
    options: DialOptions = {},
    { wrap = (transport) => transport, repeats = true, ...specials }: SimulatedClientOptions = {},
  ): Promise<Session> {
    const [host, port] = address.split(':');
    type Dialling = Parameters<MemoryNetwork['dial']>[0];
    const dialled = new Map<PathTransport, Dialling>();
    const open = async (how: Dialling): Promise<PathTransport> => {
      const transport = wrap(await this.network.dial(how));
      dialled.set(transport, how);
      return transport;
    };
    const connector: Connector = {
      connect: async (target: { host: string; port: number }, connecting: ConnectOptions) => {
        const { timeoutMs, localAddress, signal, admit } = connecting;
        await admit?.([target.host], target.port);
        // Connections from a local address go over a link of their own.
        const to = `${target.host}:${target.port}`;
        const own = {
          ...(localAddress !== undefined && { from: localAddress, link: `${localAddress} to ${to}` }),
          ...(signal !== undefined && { signal }),
        };
        const { idleMs: idleTimeoutMs = RECOVERY_MS } = options.timeouts ?? {};
        return open({ to, timeoutMs, idleTimeoutMs, ...own });
      },
      connectThrough: async ({ remote }: PathTransport, connectionId: Uint8Array, connecting: ConnectOptions) => {
        const relay = this.#relays.get(`${remote.address}:${remote.port}`)!;
        const { timeoutMs, signal } = connecting;
        const { idleMs: idleTimeoutMs = RECOVERY_MS } = options.timeouts ?? {};
        return wrap(
          await relay.dial(connectionId, { timeoutMs, idleTimeoutMs, ...(signal !== undefined && { signal }) }),
        );
      },
      ...(repeats && {
        connectAgain: (like, again) => open({ ...dialled.get(like)!, ...again, signal: again.signal! }),
      }),
      close: () => Promise.resolve(),
    };
    const own: DialOptions = { runtime: { clock: this.client, random: () => 0.5 } };
    const target = { host: host!, port: Number(port) };
    return this.settle(
      dialOver(connector, target, withMembers(own, options), { diagnostics: this.diagnostics, ...specials }),
    );
  }

  /** Lets so much virtual time pass. */
  pass(ms: number): Promise<void> {
    return this.clock.advanceByAsync(ms);
  }

  /** Lets virtual time pass until the promise settles; fails when it does not within `maxMs` of it. */
  async settle<T>(promise: Promise<T>, maxMs = 120_000): Promise<T> {
    let settled = false;
    const done = (): void => void (settled = true);
    promise.then(done, done);
    if (!(await this.clock.runUntilAsync(() => settled, { maxMs }))) {
      throw new Error(`seed ${this.seed}: nothing settled within ${maxMs} ms of virtual time`);
    }
    return promise;
  }
}
