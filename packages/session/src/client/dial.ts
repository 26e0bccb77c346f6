import { randomBytes } from 'node:crypto';
import { ClientHandshake, noneClientAuth, type ClientHandshakeResult } from '@kwik/kcp';
import { systemClock, type ProcessDiagnostics } from '@kwik/quic';
import { KwikError, PRIMARY_PATH_ID, proto, toPathId, type Clock, type PathTransport } from '@kwik/wire';
import type { DialOptions, DialTarget, PathRefusal } from '../api/options.js';
import type { Session } from '../api/session.js';
import { resolveLimits, toProtoLimits, type ResolvedLimits } from '../limits.js';
import { checkDialOptions } from '../options/dial-rules.js';
import { resolveTimeouts, type ResolvedTimeouts } from '../options/timeouts.js';
import { resolveWrites, type ResolvedWrites } from '../options/writes.js';
import type { Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import { SessionEngine, type EngineProbe } from '../runtime/session/engine.js';
import { planeOptions } from '../runtime/session/plane-options.js';
import { newHost, type SessionHost } from '../runtime/host/session-host.js';
import { closeOnThrow } from '../runtime/paths/close-on-throw.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import { keyPin } from './server-conduct.js';
import { shakeHands } from './client-handshake.js';
import { type CommandedDial, CommandedDials } from './commanded/commanded-dials.js';
import { ClientGuards } from './client-guards.js';
import { clientFeatures, type ClientFeatures } from './client-features.js';
import { ClientSession } from './client-session.js';
import { QuicConnector, type Connector, type ConnectOptions } from './connector.js';
import { type EstablishedPath, newPath } from './established-path.js';
import { NetworkConnector } from './network-connector.js';
import type { OpeningPath } from './opening-path.js';
import { reachThrough } from './relays/reach-through.js';
import { borrowed, relayDialOptions } from './relays/relay-dial-options.js';
import { type RelaySession, RelaySessions } from './relays/relay-sessions.js';
import type { RelayedPathsOptions } from './relays/relayed-paths.js';
import { reachPrimary } from './relays/reach-primary.js';
import type { PrimaryRoute } from './primary-paths.js';
import { leftMs, reach } from './reach.js';
import { dialService, firstTarget, pinnedTo, serviceOf } from './service-dial.js';
import { formatAddress, onLinkOf, parseTarget } from './target.js';
import { SessionWatch } from '../runtime/features/session-watch.js';
import { watchHandshake } from '../runtime/host/handshake-watch.js';

const AGENT = 'kwik-node/0.1';
/** An answer to a hello may hold what an authenticator asks elsewhere. */
const HELLO_PATIENCE_MS = 3000;
const HELLO_PATIENCE_RTTS = 4;
/** A jitter like any other, when the application's own random source fails. */
const HALF = 0.5;
const NO_TOKEN = new Uint8Array(0);
const CAPABILITIES: proto.Capability[] = [
  proto.Capability.REPLICA,
  proto.Capability.CONTRIBUTE,
  proto.Capability.RAW,
  proto.Capability.MULTIHOMING,
  proto.Capability.RELAY,
];
const COMPRESSING_CAPABILITIES = [...CAPABILITIES, proto.Capability.COMPRESSION];

/**
 * Opens a session with the server at `target`: one QUIC connection, a control stream, authentication, a session id. With
 * `kwik:NAME` it is the first to answer of the servers that `options.discovery` finds for the service NAME.
 * Rejects with a KwikError: ERR_KWIK_CONNECT_FAILED, ERR_KWIK_TIMEOUT, ERR_KWIK_CERTIFICATE, ERR_KWIK_AUTH_FAILED, …; for
 * options that cannot be, with ERR_KWIK_INVALID_ARGUMENT, and without trust in a server elsewhere with ERR_KWIK_CREDENTIALS.
 */
export async function dial(target: string | DialTarget, options: DialOptions = {}): Promise<Session> {
  checkDialOptions(options);
  const service = serviceOf(target);
  if (service === undefined) return dialOver(connectorFor(options), parseTarget(target), options);
  return dialService(service, options, (server, own) => {
    return dialOver(pinnedTo(server, connectorFor(own)), firstTarget(server), own);
  });
}

function connectorFor(options: DialOptions): Connector {
  const { runtime, paths, timeouts } = options;
  if (runtime?.network === undefined) return new QuicConnector(options);
  const idleTimeoutMs = resolveTimeouts(timeouts).idleMs;
  return new NetworkConnector(runtime.network, { localAddress: paths?.localAddress, idleTimeoutMs });
}

/** What `dial` never does, and tests do. */
export interface DialSpecials {
  readonly probe?: EngineProbe;
  /** Features besides those that every client has. */
  readonly features?: (session: SessionContext) => readonly Feature[];
  /** Where the session tells what happens. Default: that of the process. */
  readonly diagnostics?: ProcessDiagnostics;
  /** The server is a relay, and says that it is about to stop. */
  readonly onRelayNotice?: (notice: proto.RelayNotice) => void;
}

/** The same over any source of connections. Closes `connector` when the session ends or cannot be opened. */
export async function dialOver(
  connector: Connector,
  target: DialTarget,
  options: DialOptions,
  specials: DialSpecials = {},
): Promise<ClientSession> {
  try {
    return await new Dialler(connector, target, options, specials).open();
  } catch (error) {
    await connector.close();
    throw KwikError.from(error, 'ERR_KWIK_CONNECT_FAILED');
  }
}

/** What `open` learned, for the paths that follow. */
interface OpenedSession extends ClientHandshakeResult {
  /** SHA-256 of the primary's SPKI, hexadecimal; undefined on networks without certificates. */
  readonly primaryPin: string | undefined;
}

class Dialler {
  readonly #connector: Connector;
  readonly #target: DialTarget;
  readonly #options: DialOptions;
  readonly #limits: ResolvedLimits;
  readonly #timeouts: ResolvedTimeouts;
  readonly #writes: ResolvedWrites;
  readonly #clock: Clock;
  readonly #specials: DialSpecials;
  readonly #shared: SessionHost;
  readonly #relays: RelaySessions;
  readonly #guards: ClientGuards;

  constructor(connector: Connector, target: DialTarget, options: DialOptions, specials: DialSpecials) {
    this.#connector = connector;
    this.#target = target;
    this.#specials = specials;
    this.#options = options;
    this.#limits = resolveLimits(options.limits);
    this.#timeouts = resolveTimeouts(options.timeouts);
    this.#writes = resolveWrites(options.writes, 'primary');
    this.#clock = options.runtime?.clock ?? systemClock();
    this.#shared = newHost({
      ...(specials.diagnostics !== undefined && { diagnostics: specials.diagnostics }),
      audit: options.guard?.audit,
      now: () => this.#clock.now(),
    });
    this.#guards = new ClientGuards(this.#shared, options.guard);
    this.#relays = new RelaySessions(options.paths?.relays ?? [], async (choice, onRelayNotice) => {
      const target = parseTarget(choice.address);
      return relaySession(
        await dialOver(borrowed(connector), target, relayDialOptions(options, choice), { onRelayNotice }),
      );
    });
  }

  /** Of the primary. */
  get #address(): string {
    return formatAddress(this.#target.host, this.#target.port);
  }

  /** That its certificate must have. */
  get #primaryName(): string {
    return this.#options.trust?.serverName ?? this.#target.host;
  }

  async open(): Promise<ClientSession> {
    this.#guards.requireWritable();
    const target = this.#target;
    const address = this.#address;
    const { port, result, via } = await this.#watched('open', address, () => this.#openPath(target, address));
    const engine = this.#engine({ ...result, primaryPin: keyPin(port.transport) });
    engine.addPath(this.#path(engine, { id: PRIMARY_PATH_ID, address, port, result, primary: true, via }));
    const { alternatives = [], localAddresses = [], extra = [] } = this.#options.paths ?? {};
    const further = [...localAddresses.map((localAddress) => ({ localAddress })), ...extra];
    engine.parts.primaryPaths.start([address, ...alternatives], further);
    engine.parts.ownRelays?.start();
    return new ClientSession(result.sessionId, engine, this.#connector, this.#timeouts.closeMs);
  }

  /**
   * Connects and says hello. A hello that stays unanswered is said again on a fresh connection, after a wait that doubles,
   * for QUIC's own waits grow with each loss; the server ends what it may have opened for the one before.
   */
  async #openPath(target: DialTarget, address: string) {
    const timeoutMs = this.#options.timeouts?.dialMs ?? this.#timeouts.handshakeMs;
    const endMs = this.#clock.now() + timeoutMs;
    const { signal, trust } = this.#options;
    for (let patienceMs = HELLO_PATIENCE_MS; ; patienceMs *= 2) {
      const forConnecting = { timeoutMs: leftMs(endMs, this.#clock), signal, serverName: trust?.serverName };
      const { transport, via } = await this.#reachPrimary(target, forConnecting);
      const handshake = new ClientHandshake({ purpose: { kind: 'open' }, ...this.#hello(transport) });
      const ownMs = Math.max(patienceMs, HELLO_PATIENCE_RTTS * transport.stats().rttMs);
      const options = { timeoutMs: Math.min(ownMs, leftMs(endMs, this.#clock)), signal, address };
      try {
        const how = { ...options, timeoutCode: 'ERR_KWIK_ABORTED' } as const;
        return { ...(await shakeHands(transport, handshake, this.#clock, how)), via };
      } catch (error) {
        if (!isTimeout(error)) throw error;
        if (this.#clock.now() < endMs) continue;
        throw new KwikError('ERR_KWIK_TIMEOUT', `${address} did not answer the KWIK handshake in ${timeoutMs} ms`);
      }
    }
  }

  #reachPrimary(target: DialTarget, options: ConnectOptions) {
    const reaching = {
      connector: this.#connector,
      sessions: this.#relays,
      anchor: this.#address,
      serverName: this.#primaryName,
      clock: this.#clock,
      randomBytes: (bytes: number) => new Uint8Array(randomBytes(bytes)),
      direct: (own: ConnectOptions) => reach(this.#connector, target, own, this.#clock),
    };
    return reachPrimary(reaching, options);
  }

  #watched<T>(purpose: 'open' | 'join' | 'return', address: string, attempt: () => Promise<T>): Promise<T> {
    return watchHandshake(this.#shared.diagnostics, this.#clock, { side: 'client', purpose, address }, attempt);
  }

  #engine(opened: OpenedSession): SessionEngine<ClientFeatures> {
    return new SessionEngine(
      {
        plane: planeOptions('client', this.#limits),
        sending: { routing: this.#writes.routing, scheduler: this.#writes.makeScheduler() },
        clock: this.#clock,
        host: this.#shared,
        ...this.#specials,
      },
      (session) => this.#features(session, opened),
    );
  }

  #features(session: SessionContext, opened: OpenedSession): ClientFeatures {
    const { diagnostics } = this.#shared;
    const watch = new SessionWatch(session, { sessionId: opened.sessionId, role: 'client', diagnostics });
    const dials = this.#commandedDials((refusal) => watch.refused(refusal));
    const random = (): number =>
      this.#shared.callbacks.ask('runtime.random', this.#options.runtime?.random ?? Math.random, HALF);
    const made = clientFeatures(session, {
      limits: this.#limits,
      wallClockMs: () => Date.now(),
      watch,
      primaryPaths: {
        recoveryMs: this.#timeouts.recoveryMs,
        random,
        join: (route, to, attemptMs) =>
          this.#watched('return', to, () => this.#rejoin(session, opened, route, to, attemptMs)),
      },
      joinPath: (command, primary, onOpening) =>
        dials.run({ ...command, timeoutMs: command.timeoutMs || this.#timeouts.handshakeMs }, primary, (dialling) =>
          this.#watched('join', command.address, () => this.#join(session, opened, command, dialling, onOpening)),
        ),
      relays: {
        random,
        randomBytes: (bytes) => new Uint8Array(randomBytes(bytes)),
        primary: this.#address,
        onNotice: this.#specials.onRelayNotice,
        join: (relay, ...through) =>
          this.#watched('return', relay.address, () => this.#joinThrough(session, opened, [relay, ...through])),
      },
      ownRelays: this.#relays.choices.length === 0 ? undefined : { sessions: this.#relays, anchor: this.#address },
    });
    const guards = this.#guards.features(opened.sessionId, opened.primaryPin);
    return { ...made, features: [...made.features, ...guards, { onEnd: () => dials.close() }, watch] };
  }

  #commandedDials(onRefused: (refusal: PathRefusal) => void): CommandedDials {
    const { trust, paths } = this.#options;
    return new CommandedDials({
      clock: this.#clock,
      limits: this.#limits,
      allowed: trust?.allowTargets ?? [],
      access: this.#guards.access,
      onRefused: (refusal) => {
        this.#guards.refused(refusal);
        this.#shared.callbacks.call('paths.onRefused', paths?.onRefused, refusal);
        onRefused(refusal);
      },
    });
  }

  /**
   * A path to the primary: one that was lost, or one more. Its key must be the one of before, for other servers may have
   * certificates of that name as well, and the handshake shows that it holds the session's secret.
   */
  async #rejoin(
    context: SessionContext,
    session: OpenedSession,
    route: PrimaryRoute,
    address: string,
    timeoutMs: number,
  ): Promise<PathRuntime> {
    const { id, localAddress } = route;
    const { primaryPin } = session;
    const options = { timeoutMs, serverName: this.#options.trust?.serverName, localAddress, requiredPin: primaryPin };
    const endMs = this.#clock.now() + timeoutMs;
    const transport = await reach(this.#connector, parseTarget(address), options, this.#clock);
    return this.#rejoinOver(context, session, { id, address }, transport, endMs);
  }

  async #rejoinOver(
    context: SessionContext,
    session: OpenedSession,
    route: Pick<EstablishedPath, 'id' | 'address' | 'via'>,
    transport: PathTransport,
    endMs: number,
  ): Promise<PathRuntime> {
    const handshake = new ClientHandshake({
      purpose: { kind: 'join', keys: session.keys, pathId: route.id, token: NO_TOKEN, audience: '' },
      ...this.#hello(transport),
    });
    const forHello = { timeoutMs: leftMs(endMs, this.#clock), address: route.address };
    const { port, result } = await shakeHands(transport, handshake, this.#clock, forHello);
    return this.#path(context, { ...route, port, result, primary: true });
  }

  /** A further path to the primary, by way of a relay that forwards connections of these ids. */
  async #joinThrough(
    context: SessionContext,
    session: OpenedSession,
    [relay, id, connectionIds, timeoutMs]: Parameters<RelayedPathsOptions['join']>,
  ): ReturnType<RelayedPathsOptions['join']> {
    const endMs = this.#clock.now() + timeoutMs;
    const options = { timeoutMs, serverName: this.#primaryName, requiredPin: session.primaryPin };
    const reaching = reachThrough(this.#connector, relay.transport, connectionIds, options, this.#clock);
    const { transport, connectionId } = await reaching;
    const route = { id, address: this.#address, via: relay.address };
    return { connectionId, path: await this.#rejoinOver(context, session, route, transport, endMs) };
  }

  async #join(
    context: SessionContext,
    session: ClientHandshakeResult,
    command: proto.AddPath,
    { timeoutMs, admit, reached, joined }: CommandedDial,
    onOpening: (path: OpeningPath) => void,
  ): Promise<{ path: PathRuntime; result: ClientHandshakeResult }> {
    const { paths } = this.#options;
    const asked = await this.#shared.callbacks.tell('paths.resolve', () => paths?.resolve?.(command.address));
    const resolved = asked ?? command.address;
    if (resolved === false) {
      throw new KwikError('ERR_KWIK_PERMISSION_DENIED', `the client does not connect to ${command.address}`);
    }
    this.#guards.requireServer(command);
    let endMs = this.#clock.now() + timeoutMs;
    // One attempt, where a dial of the client's own makes several: a stranger gets no more than one handshake's packets.
    const transport = await this.#connector.connect(onLinkOf(parseTarget(resolved), this.#target.host), {
      timeoutMs,
      admit: async (addresses, port) => {
        const admitted = await admit(addresses, port);
        endMs = this.#clock.now() + timeoutMs;
        return admitted;
      },
      serverName: command.serverName === '' ? parseTarget(command.address).host : command.serverName,
      ...(command.pin.length > 0 && { requiredPin: Buffer.from(command.pin).toString('hex') }),
    });
    reached();
    this.#guards.requireConnected(command, transport);
    const pathId = toPathId(command.pathId);
    const handshake = new ClientHandshake({
      purpose: { kind: 'join', keys: session.keys, pathId, token: command.token, audience: command.address },
      ...this.#hello(transport),
    });
    const { port, result } = await shakeHands(transport, handshake, this.#clock, {
      timeoutMs: leftMs(endMs, this.#clock),
      address: resolved,
      onHello: (send) => onOpening({ id: pathId, rttMs: transport.stats().rttMs, send }),
    });
    joined(transport.remote);
    const { address, weight, capabilities } = command;
    const made = { id: pathId, address, port, result, primary: false, capabilities, weight: weight || 1 };
    return { path: this.#path(context, made), result };
  }

  #path(context: SessionContext, made: EstablishedPath): PathRuntime {
    const own = {
      clock: this.#clock,
      compresses: this.#writes.compresses,
      idleMs: this.#timeouts.idleMs,
      offsetMap: this.#options.diagnostics?.offsetMap,
    };
    return closeOnThrow(made.port, () => newPath(context, made, own));
  }

  #hello({ channelBinding }: PathTransport) {
    return {
      channelBinding,
      auth: [...(this.#options.auth ?? [noneClientAuth()])],
      capabilities: this.#writes.compresses ? COMPRESSING_CAPABILITIES : CAPABILITIES,
      limits: toProtoLimits(this.#limits, this.#timeouts.idleMs),
      agent: AGENT,
      random: (bytes: number) => new Uint8Array(randomBytes(bytes)),
    };
  }
}

function relaySession(session: ClientSession): RelaySession {
  return {
    path: session.engine.paths.require(PRIMARY_PATH_ID),
    closed: session.closed,
    end: () => void session.close(0, '', { timeoutMs: 0 }),
  };
}

function isTimeout(error: unknown): boolean {
  return error instanceof KwikError && error.code === 'ERR_KWIK_TIMEOUT';
}
