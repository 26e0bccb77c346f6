import { randomBytes } from 'node:crypto';
import { ClientHandshake, type ClientHandshakeOptions, type ClientHandshakeResult } from '@kwik/kcp';
import { systemClock } from '@kwik/quic';
import {
  KwikError,
  PRIMARY_PATH_ID,
  type proto,
  toPathId,
  type Clock,
  type HandshakeFinished,
  type PathTransport,
} from '@kwik/wire';
import type { DialOptions, DialTarget, PathRefusal } from '../api/options.js';
import { resolveLimits, type ResolvedLimits } from '../limits.js';
import { resolveTimeouts, type ResolvedTimeouts } from '../options/timeouts.js';
import { resolveWrites, type ResolvedWrites } from '../options/writes.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import { SessionEngine } from '../runtime/session/engine.js';
import { planeOptions } from '../runtime/session/plane-options.js';
import { jitterOf } from '../runtime/host/jitter.js';
import type { SessionHost } from '../runtime/host/session-host.js';
import { closeOnThrow } from '../runtime/paths/close-on-throw.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import { keyPin } from './server-conduct.js';
import { helloTo } from './client-hello.js';
import { shakeHands } from './client-handshake.js';
import { connectAgain } from './connect-again.js';
import { type CommandedDial, CommandedDials } from './commanded/commanded-dials.js';
import { NamedServers } from './commanded/named-servers.js';
import { namedTargets } from './commanded/target-rule.js';
import { ClientGuards } from './client-guards.js';
import { clientFeatures, type ClientFeatures, type ClientFeaturesOptions } from './client-features.js';
import { ClientSession } from './client-session.js';
import { canConnectAgain, type Connector, type ConnectOptions } from './connector.js';
import { type DialledHost, dialledHost } from './dials/dialled-host.js';
import type { SessionDials } from './dials/session-dials.js';
import type { DialRelay, DialSpecials } from './dial-specials.js';
import { type CheckedEarly, earlyOf } from './early-stream.js';
import { type EstablishedPath, newPath } from './established-path.js';
import { openPrimary } from './open-primary.js';
import { joinServer } from './join-server.js';
import type { OpenedSession, RejoinedRoute } from './opened-session.js';
import type { OpeningPath } from './opening-path.js';
import { reachThrough, RELAY_ANSWER_MS, type ReachedThrough } from './relays/reach-through.js';
import { relaySession, RelaySessions } from './relays/relay-sessions.js';
import type { RelayedPathsOptions } from './relays/relayed-paths.js';
import { type PrimaryReach, type ReachedPrimary, reachPrimary } from './relays/reach-primary.js';
import type { JoinAttempt, PrimaryRoute } from './primary-paths.js';
import { leftMs, reach } from './reach.js';
import { formatAddress, parseTarget } from './target.js';
import { joinStandby, type JoinedStandby } from './takeover/join-standby.js';
import { SessionWatch } from '../runtime/features/session-watch.js';
import { watchHandshake } from '../runtime/host/handshake-watch.js';

const NO_TOKEN = new Uint8Array(0);
const PRIMARY_BEFORE = 'it leads to the primary before';

/** Opens the session of a client, and connects its further paths. */
export class Dialler {
  readonly #connector: Connector;
  readonly #target: DialTarget;
  readonly #options: DialOptions;
  readonly #limits: ResolvedLimits;
  readonly #timeouts: ResolvedTimeouts;
  readonly #writes: ResolvedWrites;
  readonly #clock: Clock;
  readonly #wallClockMs: () => number;
  readonly #specials: DialSpecials;
  readonly #shared: SessionHost;
  readonly #relays: RelaySessions;
  readonly #guards: ClientGuards;
  readonly #early: () => CheckedEarly | undefined;
  readonly #dials: SessionDials;
  readonly #dialled: DialledHost;
  readonly #named: NamedServers;

  constructor(
    connector: Connector,
    target: DialTarget,
    options: DialOptions,
    specials: DialSpecials,
    dialRelay: DialRelay,
  ) {
    this.#connector = connector;
    this.#target = target;
    this.#specials = specials;
    this.#options = options;
    this.#limits = resolveLimits(options.limits);
    this.#timeouts = resolveTimeouts(options.timeouts);
    this.#writes = resolveWrites(options.writes, 'primary');
    this.#early = earlyOf(options, specials);
    this.#clock = options.runtime?.clock ?? systemClock();
    this.#wallClockMs = options.runtime?.wallClockMs ?? (() => Date.now());
    this.#dialled = dialledHost(options, specials, this.#clock);
    this.#shared = this.#dialled.host;
    this.#dials = this.#dialled.dials;
    this.#guards = new ClientGuards(this.#shared, options.guard);
    this.#relays = new RelaySessions(options.paths?.relays ?? [], async (choice, onRelayNotice) => {
      return relaySession(await dialRelay(choice, { onRelayNotice, dials: this.#dials }));
    });
    const dialling = { clock: this.#clock, connector, dials: this.#dials, guards: this.#guards };
    const { localAddress, resolve } = options.paths ?? {};
    const { callbacks } = this.#shared;
    this.#named = new NamedServers({ ...dialling, callbacks, resolve, localAddress, primaryHost: target.host });
  }

  /** Of the primary. */
  get #address(): string {
    return formatAddress(this.#target.host, this.#target.port);
  }

  /** From which all goes out that has none of its own. */
  get #localAddress(): string | undefined {
    return this.#options.paths?.localAddress;
  }

  /** That its certificate must have. */
  get #primaryName(): string {
    return this.#options.trust?.serverName ?? this.#target.host;
  }

  open(): Promise<ClientSession> {
    return this.#dialled.begin(() => this.#open());
  }

  async #open(): Promise<ClientSession> {
    this.#guards.requireWritable();
    const address = this.#address;
    const { port, result, via } = await this.#watched('open', address, () => this.#openPath(address));
    this.#dials.settled(address, this.#localAddress);
    const engine = this.#engine({ ...result, primaryPin: keyPin(port.transport), takeovers: 0 });
    engine.addPath(this.#path(engine, { id: PRIMARY_PATH_ID, address, port, result, primary: true, via }));
    const { alternatives = [], localAddresses = [], extra = [] } = this.#options.paths ?? {};
    const further = [...localAddresses.map((localAddress) => ({ localAddress })), ...extra];
    engine.parts.primaryPaths.start([address, ...alternatives], further);
    engine.parts.ownRelays?.start();
    const times = { closeMs: this.#timeouts.closeMs, wallClockMs: this.#wallClockMs };
    return new ClientSession(result.sessionId, engine, this.#connector, times);
  }

  #openPath(address: string): ReturnType<typeof openPrimary> {
    const { signal, trust, timeouts } = this.#options;
    return openPrimary({
      ...{ address, clock: this.#clock, signal, early: () => this.#early() },
      timeoutMs: timeouts?.dialMs ?? this.#timeouts.handshakeMs,
      reach: (own) => this.#reachPrimary({ ...own, signal, serverName: trust?.serverName, admit: namedTargets(trust) }),
      hello: (transport) => this.#hello(transport),
    });
  }

  #reachPrimary(options: ConnectOptions): Promise<ReachedPrimary> {
    const direct = (own: ConnectOptions): Promise<PathTransport> => {
      const endMs = this.#clock.now() + own.timeoutMs;
      const dial = { address: this.#address, from: this.#localAddress, signal: own.signal, untilMs: endMs };
      return this.#dials.run(dial, () =>
        reach(this.#connector, this.#target, { ...own, timeoutMs: leftMs(endMs, this.#clock) }, this.#clock),
      );
    };
    return reachPrimary({ ...this.#reaching(), direct }, options);
  }

  #reaching(): Omit<PrimaryReach, 'direct'> {
    return {
      connector: this.#connector,
      sessions: this.#relays,
      anchor: this.#address,
      serverName: this.#primaryName,
      clock: this.#clock,
      randomBytes: (bytes: number) => new Uint8Array(randomBytes(bytes)),
    };
  }

  #watched<T>(purpose: HandshakeFinished['purpose'], address: string, attempt: () => Promise<T>): Promise<T> {
    return watchHandshake(this.#shared.diagnostics, this.#clock, { side: 'client', purpose, address }, attempt);
  }

  #engine(opened: OpenedSession): SessionEngine<ClientFeatures> {
    return new SessionEngine(
      {
        plane: planeOptions('client', this.#limits),
        sending: { routing: this.#writes.routing, scheduler: this.#writes.makeScheduler() },
        clock: this.#clock,
        host: this.#shared,
        sessionId: opened.sessionId,
        ...this.#specials,
      },
      (session) => this.#features(session, opened),
    );
  }

  #features(session: SessionContext, opened: OpenedSession): ClientFeatures {
    const { diagnostics } = this.#shared;
    const watch = new SessionWatch(session, { sessionId: opened.sessionId, role: 'client', diagnostics });
    const onRefused = (refusal: PathRefusal): void => {
      this.#shared.callbacks.call('paths.onRefused', this.#options.paths?.onRefused, refusal);
      watch.refused(refusal);
    };
    const dials = this.#commandedDials(onRefused);
    const standbys = { clock: this.#clock, keys: opened.keys, named: this.#named, hello: this.#hello.bind(this) };
    const random = jitterOf(this.#shared.callbacks, this.#options.runtime?.random);
    const made = clientFeatures(session, {
      limits: this.#limits,
      wallClockMs: this.#wallClockMs,
      watch,
      primaryPaths: {
        recoveryMs: this.#timeouts.recoveryMs,
        random,
        join: (route, to, how) => this.#watched('return', to, () => this.#rejoin(session, opened, route, to, how)),
      },
      joinPath: (command, primary, onOpening) =>
        dials.run({ ...command, timeoutMs: command.timeoutMs || this.#timeouts.handshakeMs }, primary, (dialling) =>
          this.#watched('join', command.address, () => this.#join(session, opened, command, dialling, onOpening)),
        ),
      failover: {
        join: (attempt, primary, timeoutMs) =>
          dials.run({ address: attempt.standby.address, timeoutMs }, primary, (dial) =>
            this.#watched('takeover', attempt.standby.address, () => joinStandby(standbys, attempt, dial)),
          ),
        establish: (joined) => this.#takenOver(session, opened, joined),
      },
      relays: {
        random,
        primary: this.#address,
        onNotice: this.#specials.onRelayNotice,
        join: (relay, ...through) =>
          this.#watched('return', relay.address, () => this.#joinThrough(session, opened, [relay, ...through])),
        reach: (...through) => this.#reachThrough(undefined, through),
      },
      connectAgain: this.#connectAgain(opened),
      early: this.#early(),
      ownRelays:
        this.#relays.choices.length === 0 ? undefined : { sessions: this.#relays, anchor: this.#address, onRefused },
    });
    const guards = this.#guards.features(opened.sessionId, opened.primaryPin);
    return { ...made, features: [...made.features, ...guards, { onEnd: () => this.#endDials(dials) }, watch] };
  }

  #endDials(commanded: CommandedDials): void {
    this.#dialled.leave();
    commanded.close();
    // Those of a relay are those of the session that it is for.
    if (this.#specials.dials === undefined) this.#dials.close();
  }

  #commandedDials(onRefused: (refusal: PathRefusal) => void): CommandedDials {
    const { trust } = this.#options;
    return new CommandedDials({
      clock: this.#clock,
      limits: this.#limits,
      allowed: trust?.allowTargets ?? [],
      access: this.#guards.access,
      onRefused: (refusal) => {
        this.#guards.refused(refusal);
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
    { timeoutMs, signal, onTaken }: JoinAttempt,
  ): Promise<PathRuntime> {
    const { id, addresses, localAddress } = route;
    const { primaryPin: requiredPin, sessionId, primaryName, takeovers } = session;
    const serverName = primaryName ?? this.#options.trust?.serverName;
    const options = { timeoutMs, serverName, localAddress, requiredPin, sessionId, signal };
    let endMs = Infinity;
    const from = localAddress ?? this.#localAddress;
    const how = { address, from, elsewhere: addresses.length > 1, signal };
    const transport = await this.#dials.run({ ...how, onWait: (why) => context.paths.waits(id, why) }, () => {
      endMs = this.#clock.now() + timeoutMs;
      return reach(this.#connector, parseTarget(address), options, this.#clock);
    });
    const way = { id, address, takeovers, onTaken };
    const path = await this.#rejoinOver(context, session, way, { transport }, endMs);
    this.#dials.settled(address, from);
    return path;
  }

  async #rejoinOver(
    context: SessionContext,
    session: OpenedSession,
    { takeovers, onTaken, ...route }: RejoinedRoute,
    { transport, release }: Pick<ReachedPrimary, 'transport' | 'release'>,
    endMs: number,
  ): Promise<PathRuntime> {
    const handshake = new ClientHandshake({
      purpose: { kind: 'join', keys: session.keys, pathId: route.id, token: NO_TOKEN, audience: '' },
      ...this.#hello(transport),
    });
    const forHello = { timeoutMs: leftMs(endMs, this.#clock), address: route.address, onClosed: release };
    const { port, result } = await shakeHands(transport, handshake, this.#clock, forHello);
    if (session.takeovers !== takeovers) {
      port.close(0, PRIMARY_BEFORE);
      throw new KwikError('ERR_KWIK_PATH_DEAD', PRIMARY_BEFORE);
    }
    onTaken?.();
    return this.#path(context, { ...route, port, result, primary: true });
  }

  /** A further path to the primary, by way of a relay. */
  async #joinThrough(
    context: SessionContext,
    session: OpenedSession,
    [relay, id, anchor, timeoutMs]: Parameters<RelayedPathsOptions['join']>,
  ): Promise<PathRuntime> {
    const { takeovers } = session;
    // Relays of the client's own forward to the server that was dialled.
    if (takeovers > 0 && anchor !== '') throw new KwikError('ERR_KWIK_PATH_DEAD', PRIMARY_BEFORE);
    const reached = await this.#reachThrough(session.primaryPin, [relay, anchor, timeoutMs]);
    const route = { id, address: this.#address, via: relay.address, takeovers };
    return this.#rejoinOver(context, session, route, reached, this.#clock.now() + timeoutMs);
  }

  #reachThrough(
    requiredPin: string | undefined,
    [relay, anchor, timeoutMs]: Parameters<RelayedPathsOptions['reach']>,
  ): Promise<ReachedThrough> {
    const { connector, clock, ...reaching } = this.#reaching();
    const options = { ...reaching, anchor, requiredPin, timeoutMs, forRelayMs: RELAY_ANSWER_MS };
    return reachThrough(connector, relay, options, clock);
  }

  /** Another connection for a path that lives, which its server has taken; undefined where the connector makes none. */
  #connectAgain(opened: OpenedSession): ClientFeaturesOptions['connectAgain'] {
    const how = {
      ...{
        keys: opened.keys,
        connector: this.#connector,
        clock: this.#clock,
        dials: this.#dials,
        relays: this.#relays,
        reaching: this.#reaching(),
      },
      hello: (transport: PathTransport) => this.#hello(transport),
    };
    if (!canConnectAgain(this.#connector)) return undefined;
    return async (path, ...again) => {
      const port = await this.#watched('renew', path.address, () => connectAgain(how, path, ...again));
      if (path.primary && path.alive) opened.primaryPin = keyPin(port.transport);
      return port;
    };
  }

  /** The server that took the session over is the primary from now on. */
  #takenOver(
    context: SessionContext,
    session: OpenedSession,
    { port, serverName, ...made }: JoinedStandby,
  ): PathRuntime {
    session.takeovers++;
    session.primaryPin = keyPin(port.transport);
    session.primaryName = serverName;
    return this.#path(context, { id: PRIMARY_PATH_ID, port, ...made, primary: true, anew: true });
  }

  async #join(
    context: SessionContext,
    session: ClientHandshakeResult,
    command: proto.AddPath,
    dial: CommandedDial,
    onOpening: (path: OpeningPath) => void,
  ): Promise<{ path: PathRuntime; result: ClientHandshakeResult }> {
    const hello = this.#hello.bind(this);
    const { early, resumption = early?.repeatable === true } = this.#options;
    const how = { named: this.#named, clock: this.#clock, session, mayBeEarly: resumption, hello, onOpening };
    const { port, result } = await joinServer(how, command, dial);
    const { pathId, address, weight, capabilities } = command;
    const made = { id: toPathId(pathId), address, port, result, primary: false, capabilities, weight: weight || 1 };
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

  #hello(transport: PathTransport): Omit<ClientHandshakeOptions, 'purpose'> {
    return helloTo(transport, {
      auth: this.#options.auth,
      limits: this.#limits,
      idleMs: this.#timeouts.idleMs,
      compresses: this.#writes.compresses,
    });
  }
}
