import { JoinAdmission, UsedTokens, type ServerHandshakeResult, type SessionKeys } from '@kwik/kcp';
import { KwikError, proto, type AccessLimits, type AccessRequest, type PathTransport } from '@kwik/wire';
import { formatAddress } from '../client/target.js';
import { agreedIdleTimeoutMs, peerStreamLimits } from '../limits.js';
import { KeyLimit } from '../runtime/features/key-limit.js';
import { Auditing } from '../runtime/features/auditing.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import { SessionWatch } from '../runtime/features/session-watch.js';
import { SessionEngine } from '../runtime/session/engine.js';
import { planeOptions } from '../runtime/session/plane-options.js';
import { closeOnThrow } from '../runtime/paths/close-on-throw.js';
import type { PathPort } from '../runtime/paths/path-port.js';
import { PathRuntime } from '../runtime/paths/path-runtime.js';
import { AccessGate } from '../runtime/host/access-gate.js';
import { AccessTerm } from '../runtime/features/access-term.js';
import { ServerGuard } from '../runtime/host/server-guard.js';
import { jitterOf } from '../runtime/host/jitter.js';
import { newHost, type SessionHost } from '../runtime/host/session-host.js';
import { holderOf, type Admitted } from './account-holder.js';
import { acceptHandshake } from './accept-handshake.js';
import { addressOf, auditedSession, takenFromOf, tokenAccepted } from './audited-session.js';
import { ReturningClients } from './returning-clients.js';
import { primaryFeatures, secondaryFeatures, type PrimaryOptions, type ServerFeatures } from './server-features.js';
import { HandshakeOffers } from './handshake-offers.js';
import { limitedBy, limitsOf } from './relay/relay-config.js';
import type { RelayServerOptions } from './relay/relay-server.js';
import type { ServerQueriesOptions } from './server-queries.js';
import { ScalingMemory } from './scaling/scaling-memory.js';
import { AcceptedSession } from './server-session.js';
import type { SessionFactoryOptions } from './session-factory-options.js';
import { numbersOf } from './takeover/stream-numbers.js';
import { takeoversAfter, TakenSessions } from './takeover/taken-sessions.js';

/** What a connection came for. */
const PURPOSES = {
  open: 'open',
  'join-secondary': 'join',
  'join-primary': 'return',
  renew: 'renew',
  takeover: 'takeover',
} as const;

export interface Accepted {
  /** `asked`: it came for nothing but the answer whether this server could take sessions over. */
  readonly purpose: (typeof PURPOSES)[keyof typeof PURPOSES] | 'asked';
  /** That it opened here; undefined when it belongs to one that there is. */
  readonly session: AcceptedSession | undefined;
}

/** Turns a fresh connection into a session at this server: as its primary, or as a secondary that was given a token. */
export class SessionFactory {
  readonly #options: SessionFactoryOptions;
  readonly host: SessionHost;
  readonly #admission: JoinAdmission;
  readonly #access: AccessGate;
  readonly #servers: ServerGuard;
  readonly #returning: ReturningClients;
  readonly #offers: HandshakeOffers;
  readonly #taken: TakenSessions | undefined;
  readonly scaling: ScalingMemory;

  constructor(options: SessionFactoryOptions) {
    this.#options = options;
    this.host = options.host ?? newHost();
    this.scaling = new ScalingMemory(options.scaling, this.host.callbacks, options.runtime.wallClockMs());
    const { guard } = options.admission;
    this.#access = new AccessGate(guard?.access, this.host, options.runtime.wallClockMs);
    this.#servers = new ServerGuard(guard?.servers, this.host, options.runtime.wallClockMs);
    this.#returning = new ReturningClients(options.limits.maxPaths, this.host.policy.shortage);
    this.#admission = new JoinAdmission({
      trust: options.admission.trust,
      audiences: options.identity.audiences,
      used: new UsedTokens({}),
    });
    this.#taken = options.takeover && new TakenSessions(options.takeover);
    this.#offers = new HandshakeOffers(options, this.#admission, this.#returning, this.#taken);
  }

  /** Joins by outcome. */
  get joinCounters(): JoinAdmission['counters'] {
    return this.#admission.counters;
  }

  /** Rejects when the client is not let in; it has been told why then. */
  async accept(transport: PathTransport): Promise<Accepted> {
    const { runtime, timeouts } = this.#options;
    let allowed: AccessLimits = {};
    const shaken = await acceptHandshake(transport, this.#offers.to(transport), runtime.clock, {
      timeoutMs: timeouts.handshakeMs,
      wallClockMs: runtime.wallClockMs,
      admit: (admitted) => {
        this.#admit(admitted);
        // A client that comes back to its own session was asked before, and so was one whose path lives.
        if (admitted.kind === 'join-primary' || admitted.kind === 'renew') return;
        allowed = this.#access.require(this.#requestOf(admitted, transport));
        if (
          admitted.kind !== 'join-secondary' &&
          allowed.relayOnly === true &&
          this.#options.relay?.forClients !== true
        ) {
          const text = 'a rule lets this client only be forwarded, and this server is no relay for clients';
          throw new KwikError('ERR_KWIK_PERMISSION_DENIED', text);
        }
      },
      callbacks: this.host.callbacks,
    });
    if (shaken === undefined) return { purpose: 'asked', session: undefined };
    const { port, result } = shaken;
    transport.acceptPeer?.(holderOf({ port, result, allowed }));
    if (result.token !== undefined) this.host.audit.record(tokenAccepted(result.token, addressOf(transport)));
    const session = closeOnThrow(port, () => this.#assign(port, result, allowed));
    return { purpose: PURPOSES[result.kind], session };
  }

  #assign(port: PathPort, result: ServerHandshakeResult, allowed: AccessLimits): AcceptedSession | undefined {
    switch (result.kind) {
      case 'open':
      case 'takeover':
        return this.#primary(port, result, allowed);
      case 'join-secondary':
        return this.#secondary(port, result, allowed);
      case 'join-primary':
        this.#returning.resume(port, result, (engine) => this.#path(engine, port, result));
        return undefined;
      case 'renew':
        this.#returning.renew(port, result);
        return undefined;
    }
  }

  #requestOf(result: ServerHandshakeResult, { remote }: PathTransport): Omit<AccessRequest, 'nowMs'> {
    const { kind, identity, sessionId, signer } = result;
    return {
      action: kind === 'join-secondary' ? 'join' : 'open',
      // A path that joins is vouched for by its primary, and by nobody else.
      identity: identity ?? (signer === undefined ? undefined : `key:${Buffer.from(signer).toString('hex')}`),
      peer: remote.address,
      sessionId,
      server: this.#options.identity.serverId,
    };
  }

  #admit(result: ServerHandshakeResult): void {
    if (result.kind === 'join-primary') this.#returning.admit(result);
    else if (result.kind !== 'renew') this.#options.admission.admit(result);
    if (result.taken === undefined) return;
    numbersOf(result.taken.state);
    this.#taken?.admit(result.taken.ticket);
  }

  #primary(port: PathPort, result: ServerHandshakeResult, allowed: AccessLimits): AcceptedSession {
    const keys = this.#keys(result);
    const { signer, anchors } = this.#options.identity;
    const relay = this.#relayForClients(port, result, allowed);
    const { wallClockMs } = this.#options.runtime;
    const { recoveryMs } = this.#options.timeouts;
    const { sessionId } = result;
    const trail = this.host.audit;
    const before = this.#returning.engineOf(sessionId);
    if (before !== undefined) this.#taken?.replace(before);
    const engine = this.#engine('primary', { port, result, allowed }, (session) =>
      primaryFeatures(session, {
        ...{
          trail,
          servers: this.#servers,
          sessionId,
          keys,
          signer,
          wallClockMs,
          random: () => this.fraction(),
          recoveryMs,
          maxRawPacketBytes: this.#maxRawPacketBytes(result),
          anchors,
          relays: this.#options.relays?.ofSession(),
          scaling: this.#options.scaling,
          queries: this.#queries(port, result),
          memory: this.scaling,
          standby: this.#standby(result, keys),
          resumed: this.#resumed(port, result),
          nextPathId: result.taken?.state.nextPathId,
        },
        ...(relay !== undefined && { relay }),
      }),
    );
    this.#returning.keep(keys, engine);
    this.#taken?.began(sessionId, result.taken, engine, wallClockMs);
    engine.addPath(this.#path(engine, port, result));
    if (result.early !== undefined) engine.streams.early(result.early);
    return this.#session(engine, result, allowed, 'primary');
  }

  /** For a client that can go to a standby. */
  #standby({ peerCapabilities, identity, taken }: ServerHandshakeResult, keys: SessionKeys): ServerStandby {
    const { takeover, identity: own, runtime } = this.#options;
    if (takeover?.standby === undefined || !peerCapabilities.includes(proto.Capability.TAKEOVER)) return undefined;
    const grantKeys = [own.signer.publicKey, ...(taken?.ticket.grantKeys ?? [])];
    const { wallClockMs, random } = runtime;
    const primary = own.serverId === '' ? (own.anchors()[0] ?? '') : own.serverId;
    return { ...takeover, keys, identity, grantKeys, primary, takeovers: takeoversAfter(taken), wallClockMs, random };
  }

  /** Of a session that another primary began. */
  #resumed({ transport }: PathPort, result: ServerHandshakeResult): PrimaryOptions['resumed'] {
    const { taken, sessionId, identity } = result;
    if (taken === undefined) return undefined;
    const context = { sessionId, ...(identity !== undefined && { identity }) };
    return {
      grantKeys: taken.ticket.grantKeys,
      replica: async (key) => {
        if (!this.#mayRead(key, result, transport)) return undefined;
        return this.host.callbacks.tell('replica', () => this.#options.replica?.(key, context));
      },
    };
  }

  #queries({ transport }: PathPort, result: ServerHandshakeResult): ServerQueriesOptions | undefined {
    const { directory } = this.#options;
    const request = { ...this.#requestOf(result, transport), action: 'query' } as const;
    return directory && { directory, require: () => void this.#access.require(request) };
  }

  #secondary(port: PathPort, result: ServerHandshakeResult, allowed: AccessLimits): AcceptedSession {
    const { replica } = this.#options;
    const { wallClockMs } = this.#options.runtime;
    const { sessionId, identity, signer, token } = result;
    const may = (capability: proto.Capability): boolean => grants(result, allowed, capability);
    const context = { sessionId, ...(identity !== undefined && { identity }) };
    const content = {
      sessionId,
      ...(signer !== undefined && { grantKeys: [signer] }),
      wallClockMs,
      opensOnRequest: true,
      replica: async (key: string) => {
        if (!may(proto.Capability.REPLICA) || !this.#mayRead(key, result, port.transport)) return undefined;
        return this.host.callbacks.tell('replica', () => replica?.(key, context));
      },
    };
    const raw = { maxPacketBytes: this.#maxRawPacketBytes(result), permitted: may(proto.Capability.RAW) };
    const relay = may(proto.Capability.RELAY) ? this.#relayFor(port, result, allowed) : undefined;
    const engine = this.#engine('secondary', { port, result, allowed }, (session) =>
      secondaryFeatures(session, { content, raw, ...(relay !== undefined && { relay }) }),
    );
    if (token !== undefined) this.#returning.keepSecondary(result, token.possessionKey, engine);
    engine.addPath(this.#path(engine, port, result));
    return this.#session(engine, result, allowed, 'secondary');
  }

  /** For a client whose primary says in a token what may be forwarded. */
  #relayFor(port: PathPort, result: ServerHandshakeResult, allowed: AccessLimits): RelayServerOptions | undefined {
    const { relay } = this.#options;
    if (relay === undefined) return undefined;
    const grant = result.token?.relay;
    const limits = limitedBy(allowed, limitsOf(grant, relay.limits));
    return { ...relay, limits, anchors: grant?.anchors ?? [], require: this.#forwarding(port, result) };
  }

  /** For a client that was let in here without the word of a primary. */
  #relayForClients(
    port: PathPort,
    result: ServerHandshakeResult,
    allowed: AccessLimits,
  ): RelayServerOptions | undefined {
    const { relay } = this.#options;
    if (relay?.forClients !== true) return undefined;
    const limits = limitedBy(allowed, relay.limits);
    return { ...relay, limits, anchors: undefined, require: this.#forwarding(port, result) };
  }

  /** Asks whether something may be forwarded for this client to where it names. */
  #forwarding({ transport }: PathPort, result: ServerHandshakeResult): (target: string) => void {
    return (resource) => this.#requireAudited(transport, result, { action: 'forward', resource });
  }

  #mayRead(resource: string, result: ServerHandshakeResult, transport: PathTransport): boolean {
    try {
      this.#requireAudited(transport, result, { action: 'content', resource });
      return true;
    } catch {
      return false;
    }
  }

  #requireAudited(
    transport: PathTransport,
    result: ServerHandshakeResult,
    wanted: Pick<AccessRequest, 'action' | 'resource'>,
  ): void {
    try {
      this.#access.require({ ...this.#requestOf(result, transport), ...wanted });
    } catch (error) {
      const { code, message: detail } = KwikError.from(error);
      const { sessionId, pathId } = result;
      this.host.audit.refused({ sessionId, pathId, peer: addressOf(transport), code, detail });
      throw error;
    }
  }

  #maxRawPacketBytes({ peerLimits }: ServerHandshakeResult): number {
    return Math.min(this.#options.limits.maxRawPacketBytes, peerLimits.maxRawPacketBytes);
  }

  #compresses({ peerCapabilities }: ServerHandshakeResult): boolean {
    return this.#options.writes.compresses && peerCapabilities.includes(proto.Capability.COMPRESSION);
  }

  /** 0 <= fraction < 1 */
  fraction(): number {
    const { random, jitter } = this.#options.runtime;
    if (jitter !== undefined) return jitterOf(this.host.callbacks, jitter)();
    return Buffer.from(random(4)).readUInt32LE() / 2 ** 32;
  }

  #engine(
    role: 'primary' | 'secondary',
    admitted: Admitted & { readonly result: ServerHandshakeResult },
    compose: (session: SessionContext) => ServerFeatures,
  ): SessionEngine<ServerFeatures> {
    const { writes, limits, runtime, probe, features } = this.#options;
    const { result, allowed } = admitted;
    return new SessionEngine(
      {
        plane: planeOptions(role, limits, result.taken && numbersOf(result.taken.state)),
        sending: { routing: writes.routing, scheduler: writes.makeScheduler() },
        clock: runtime.clock,
        host: this.host,
        sessionId: result.sessionId,
        holder: holderOf(admitted),
        probe,
        features,
      },
      (session) => {
        const made = compose(session);
        const { sessionId } = result;
        const takenFrom = takenFromOf(result);
        const watch = new SessionWatch(session, { sessionId, role, takenFrom, diagnostics: this.host.diagnostics });
        const audit = new Auditing(this.host.audit, auditedSession(result, role));
        const term = new AccessTerm(session, allowed, this.#options.runtime.wallClockMs);
        const keys = new KeyLimit(session, limits.packetsPerKey);
        return { ...made, features: [...made.features, audit, term, keys, watch] };
      },
    );
  }

  #path(engine: SessionEngine, port: PathPort, result: ServerHandshakeResult): PathRuntime {
    const { remote } = port.transport;
    return new PathRuntime({
      id: result.pathId,
      address: formatAddress(remote.address, remote.port),
      primary: result.kind !== 'join-secondary',
      port,
      renews: true,
      peer: { ...peerStreamLimits(result.peerLimits), compresses: this.#compresses(result) },
      idleTimeoutMs: agreedIdleTimeoutMs(this.#options.timeouts.idleMs, result.peerLimits.idleTimeoutMs),
      offsetMap: this.#options.diagnostics?.offsetMap,
      machine: engine.paths.machine(result.pathId),
      clock: this.#options.runtime.clock,
      events: engine,
    });
  }

  #session(
    engine: SessionEngine<ServerFeatures>,
    result: ServerHandshakeResult,
    allowed: AccessLimits,
    role: 'primary' | 'secondary',
  ): AcceptedSession {
    const { rawPackets, commander, relay, standby } = engine.parts;
    return new AcceptedSession(engine, {
      id: result.sessionId,
      role,
      identity: result.identity,
      commander,
      rawPackets,
      relay,
      standby,
      takenFrom: takenFromOf(result),
      mayContribute: grants(result, allowed, proto.Capability.CONTRIBUTE),
      closeTimeoutMs: this.#options.timeouts.closeMs,
      wallClockMs: this.#options.runtime.wallClockMs,
    });
  }

  #keys(result: ServerHandshakeResult): SessionKeys {
    if (result.keys === undefined)
      throw new KwikError('ERR_KWIK_INTERNAL', 'a primary without the keys of its session');
    return result.keys;
  }
}

type ServerStandby = PrimaryOptions['standby'];

/** What the token gives, unless a rule of access leaves nothing but forwarding of it. */
function grants(
  { token }: ServerHandshakeResult,
  { relayOnly = false }: AccessLimits,
  capability: proto.Capability,
): boolean {
  return (capability === proto.Capability.RELAY || !relayOnly) && token?.capabilities.includes(capability) === true;
}
