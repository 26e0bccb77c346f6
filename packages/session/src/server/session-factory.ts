import {
  JoinAdmission,
  ServerHandshake,
  UsedTokens,
  type Ed25519Signer,
  type ServerAuthenticator,
  type ServerHandshakeResult,
  type SessionKeys,
  type TrustPolicy,
} from '@kwik/kcp';
import {
  KwikError,
  PRIMARY_PATH_ID,
  proto,
  sessionIdFromBytes,
  type AccessLimits,
  type AccessRequest,
  type Clock,
  type PathTransport,
  type SessionId,
} from '@kwik/wire';
import type { DiagnosticsOptions, GuardOptions, ListenOptions } from '../api/options.js';
import { formatAddress } from '../client/target.js';
import { FIRST_CLIENT_PATH_ID } from '../limits.js';
import { agreedIdleTimeoutMs, peerStreamLimits, toProtoLimits, type ResolvedLimits } from '../limits.js';
import type { ResolvedTimeouts } from '../options/timeouts.js';
import type { ResolvedWrites } from '../options/writes.js';
import { Auditing } from '../runtime/features/auditing.js';
import type { Feature } from '../runtime/features/feature.js';
import type { SessionContext } from '../runtime/features/session-context.js';
import { SessionWatch } from '../runtime/features/session-watch.js';
import { SessionEngine, type EngineProbe } from '../runtime/session/engine.js';
import { planeOptions } from '../runtime/session/plane-options.js';
import { closeOnThrow } from '../runtime/paths/close-on-throw.js';
import type { PathPort } from '../runtime/paths/path-port.js';
import { PathRuntime } from '../runtime/paths/path-runtime.js';
import { AccessGate } from '../runtime/host/access-gate.js';
import { AccessTerm } from '../runtime/features/access-term.js';
import { ServerGuard } from '../runtime/host/server-guard.js';
import { newHost, type SessionHost } from '../runtime/host/session-host.js';
import { acceptHandshake } from './accept-handshake.js';
import { addressOf, auditedSession, tokenAccepted } from './audited-session.js';
import { primaryFeatures, secondaryFeatures, type ServerFeatures } from './server-features.js';
import { limitsOf, type RelayConfig } from './relay/relay-config.js';
import type { RelayServerOptions } from './relay/relay-server.js';
import { AcceptedSession } from './server-session.js';

const SESSION_ID_BYTES = 16;
const SECRET_BYTES = 32;
/** A jitter like any other, when the application's own random source fails. */
const HALF = 0.5;

/** Time and chance. */
interface FactoryRuntime {
  readonly clock: Clock;
  /** Milliseconds since 1970, for what is signed and has an expiry. */
  readonly wallClockMs: () => number;
  readonly random: (bytes: number) => Uint8Array;
  /** 0 <= jitter() < 1, for the jitter of waits. Default: made of `random`. */
  readonly jitter?: (() => number) | undefined;
}

/** How this server is known to others. */
interface FactoryIdentity {
  readonly serverId: string;
  /** `host:port` names under which path tokens may name it. */
  readonly audiences: () => readonly string[];
  /** `host:port` names under which relays reach it. */
  readonly anchors: () => readonly string[];
  /** Signs path tokens and content grants. */
  readonly signer: Ed25519Signer;
}

/** Who is let in. */
interface AdmissionRules {
  /** Who may do what besides, and which servers are used. */
  readonly guard?: Pick<GuardOptions, 'access' | 'servers'> | undefined;
  readonly auth: readonly ServerAuthenticator[];
  /** Whose path tokens are believed. */
  readonly trust: TrustPolicy;
  /** Throws when there is no room for another session. */
  readonly admit: (result: ServerHandshakeResult) => void;
}

export interface SessionFactoryOptions {
  readonly runtime: FactoryRuntime;
  readonly identity: FactoryIdentity;
  readonly admission: AdmissionRules;
  readonly limits: ResolvedLimits;
  readonly timeouts: ResolvedTimeouts;
  readonly writes: ResolvedWrites;
  readonly replica: ListenOptions['replica'];
  /** What it is as a relay, if it is one. */
  readonly relay?: RelayConfig;
  readonly diagnostics?: DiagnosticsOptions | undefined;
  readonly scaling?: ListenOptions['scaling'];
  readonly probe?: EngineProbe;
  /** Features besides those that every session here has. */
  readonly features?: (session: SessionContext) => readonly Feature[];
  /** Default: one of its own. */
  readonly host?: SessionHost;
}

/** A session of which this server is the primary, and what a client needs to come back to it. */
interface Resumable {
  readonly keys: SessionKeys;
  readonly engine: SessionEngine;
}

/** Turns a fresh connection into a session at this server: as its primary, or as a secondary that was given a token. */
export class SessionFactory {
  readonly #options: SessionFactoryOptions;
  readonly host: SessionHost;
  readonly #admission: JoinAdmission;
  readonly #access: AccessGate;
  readonly #servers: ServerGuard;
  readonly #sessions = new Map<SessionId, Resumable>();

  constructor(options: SessionFactoryOptions) {
    this.#options = options;
    this.host = options.host ?? newHost();
    const { guard } = options.admission;
    this.#access = new AccessGate(guard?.access, this.host.callbacks, options.runtime.wallClockMs);
    this.#servers = new ServerGuard(guard?.servers, this.host.callbacks, options.runtime.wallClockMs);
    this.#admission = new JoinAdmission({
      trust: options.admission.trust,
      audiences: options.identity.audiences,
      used: new UsedTokens({}),
    });
  }

  /** Joins by outcome. */
  get joinCounters(): JoinAdmission['counters'] {
    return this.#admission.counters;
  }

  /** The session that the connection opened; undefined when it is a further path of one, or one that came back. */
  async accept(transport: PathTransport): Promise<AcceptedSession | undefined> {
    const { runtime, timeouts } = this.#options;
    let allowed: AccessLimits = {};
    const { port, result } = await acceptHandshake(transport, this.#handshake(transport), runtime.clock, {
      timeoutMs: timeouts.handshakeMs,
      wallClockMs: runtime.wallClockMs,
      admit: (admitted) => {
        this.#admit(admitted);
        // A client that comes back to its own session was asked before.
        if (admitted.kind !== 'join-primary') allowed = this.#access.require(this.#requestOf(admitted, transport));
      },
      callbacks: this.host.callbacks,
    });
    transport.acceptPeer?.();
    if (result.token !== undefined) this.host.audit.record(tokenAccepted(result.token, addressOf(transport)));
    return closeOnThrow(port, () => this.#assign(port, result, allowed));
  }

  #assign(port: PathPort, result: ServerHandshakeResult, allowed: AccessLimits): AcceptedSession | undefined {
    switch (result.kind) {
      case 'open':
        return this.#primary(port, result, allowed);
      case 'join-secondary':
        return this.#secondary(port, result, allowed);
      case 'join-primary':
        this.#resume(port, result);
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
    if (result.kind !== 'join-primary') {
      this.#options.admission.admit(result);
      return;
    }
    if (result.token !== undefined) {
      throw new KwikError(
        'ERR_KWIK_INVALID_ARGUMENT',
        "the address is the session's own primary: addPath is for other servers, and further paths to this one are the " +
          'option paths.extra of dial',
      );
    }
    // Numbers between are for paths to other servers, which this one gives itself.
    if (result.pathId !== PRIMARY_PATH_ID && result.pathId < FIRST_CLIENT_PATH_ID) {
      throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `a client may not take path number ${result.pathId}`);
    }
    const paths = this.#sessions.get(result.sessionId)?.engine.paths;
    const { maxPaths } = this.#options.limits;
    if (paths !== undefined && !paths.has(result.pathId) && paths.size >= maxPaths) {
      throw new KwikError('ERR_KWIK_LIMIT_EXCEEDED', `the server allows ${maxPaths} paths`, { scope: 'peer' });
    }
  }

  #resume(port: PathPort, result: ServerHandshakeResult): void {
    const engine = this.#sessions.get(result.sessionId)?.engine;
    if (engine === undefined || engine.closeInfo !== undefined) {
      port.close(new KwikError('ERR_KWIK_SESSION_NOT_FOUND').wireNumber, 'the session has ended');
      return;
    }
    // The client knew first that the connection before was lost; its death here must come before the new life.
    engine.paths.get(result.pathId)?.die(new KwikError('ERR_KWIK_PATH_DEAD', 'the client connected again'));
    engine.addPath(this.#path(engine, port, result));
  }

  #handshake(transport: PathTransport): ServerHandshake {
    const { limits, timeouts, identity, admission, writes, replica, relay } = this.#options;
    const { random } = this.#options.runtime;
    const { CONTRIBUTE, RAW, COMPRESSION, MULTIHOMING } = proto.Capability;
    const capabilities: proto.Capability[] = [CONTRIBUTE, RAW, MULTIHOMING];
    if (writes.compresses) capabilities.push(COMPRESSION);
    if (replica !== undefined) capabilities.push(proto.Capability.REPLICA);
    if (relay !== undefined) capabilities.push(proto.Capability.RELAY);
    return new ServerHandshake({
      auth: admission.auth,
      capabilities,
      limits: toProtoLimits(limits, timeouts.idleMs),
      serverId: identity.serverId,
      random,
      serverKey: identity.signer.publicKey,
      makeSessionId: () => sessionIdFromBytes(random(SESSION_ID_BYTES)),
      sessionSecret: () => random(SECRET_BYTES),
      findSession: (id) => this.#sessions.get(id)?.keys,
      admission: this.#admission,
      peerCertificates: transport.peerCertificates,
      channelBinding: transport.channelBinding,
    });
  }

  #primary(port: PathPort, result: ServerHandshakeResult, allowed: AccessLimits): AcceptedSession {
    const keys = this.#keys(result);
    const { signer, anchors } = this.#options.identity;
    const relay = this.#relayForClients();
    const { wallClockMs } = this.#options.runtime;
    const { recoveryMs } = this.#options.timeouts;
    const { sessionId } = result;
    const trail = this.host.audit;
    const engine = this.#engine('primary', result, allowed, (session) =>
      primaryFeatures(session, {
        ...{
          trail,
          servers: this.#servers,
          sessionId,
          keys,
          signer,
          wallClockMs,
          random: () => this.#fraction(),
          recoveryMs,
          maxRawPacketBytes: this.#maxRawPacketBytes(result),
          anchors,
          scaling: this.#options.scaling,
        },
        ...(relay !== undefined && { relay }),
      }),
    );
    this.#sessions.set(sessionId, { keys, engine });
    void engine.closed.then(() => this.#sessions.delete(sessionId));
    engine.addPath(this.#path(engine, port, result));
    return this.#session(engine, result, 'primary');
  }

  #secondary(port: PathPort, result: ServerHandshakeResult, allowed: AccessLimits): AcceptedSession {
    const { replica } = this.#options;
    const { wallClockMs } = this.#options.runtime;
    const { sessionId, identity, signer, token } = result;
    const may = (capability: proto.Capability): boolean => token?.capabilities.includes(capability) === true;
    const context = { sessionId, ...(identity !== undefined && { identity }) };
    const content = {
      sessionId,
      ...(signer !== undefined && { grantSigner: signer }),
      wallClockMs,
      replica: async (key: string) => {
        if (!may(proto.Capability.REPLICA) || !this.#mayRead(key, result, port.transport)) return undefined;
        return this.host.callbacks.tell('replica', () => replica?.(key, context));
      },
    };
    const raw = { maxPacketBytes: this.#maxRawPacketBytes(result), permitted: may(proto.Capability.RAW) };
    const relay = may(proto.Capability.RELAY) ? this.#relayFor(token?.relay) : undefined;
    const engine = this.#engine('secondary', result, allowed, (session) =>
      secondaryFeatures(session, { content, raw, ...(relay !== undefined && { relay }) }),
    );
    engine.addPath(this.#path(engine, port, result));
    return this.#session(engine, result, 'secondary');
  }

  /** For a client whose primary says in a token what may be forwarded. */
  #relayFor(grant: proto.RelayGrant | undefined): RelayServerOptions | undefined {
    const { relay } = this.#options;
    if (relay === undefined) return undefined;
    return { ...relay, limits: limitsOf(grant, relay.limits), anchors: grant?.anchors ?? [] };
  }

  /** For a client that was let in here without the word of a primary. */
  #relayForClients(): RelayServerOptions | undefined {
    const { relay } = this.#options;
    return relay?.forClients === true ? { ...relay, anchors: undefined } : undefined;
  }

  #mayRead(resource: string, result: ServerHandshakeResult, transport: PathTransport): boolean {
    try {
      this.#access.require({ ...this.#requestOf(result, transport), action: 'content', resource });
      return true;
    } catch (error) {
      const { code, message: detail } = KwikError.from(error);
      const { sessionId, pathId } = result;
      this.host.audit.refused({ sessionId, pathId, peer: addressOf(transport), code, detail });
      return false;
    }
  }

  #maxRawPacketBytes({ peerLimits }: ServerHandshakeResult): number {
    return Math.min(this.#options.limits.maxRawPacketBytes, peerLimits.maxRawPacketBytes);
  }

  #compresses({ peerCapabilities }: ServerHandshakeResult): boolean {
    return this.#options.writes.compresses && peerCapabilities.includes(proto.Capability.COMPRESSION);
  }

  /** 0 <= fraction < 1 */
  #fraction(): number {
    const { random, jitter } = this.#options.runtime;
    if (jitter !== undefined) return this.host.callbacks.ask('runtime.random', jitter, HALF);
    return Buffer.from(random(4)).readUInt32LE() / 2 ** 32;
  }

  #engine(
    role: 'primary' | 'secondary',
    result: ServerHandshakeResult,
    allowed: AccessLimits,
    compose: (session: SessionContext) => ServerFeatures,
  ): SessionEngine<ServerFeatures> {
    const { writes, limits, runtime, probe, features } = this.#options;
    return new SessionEngine(
      {
        plane: planeOptions(role, limits),
        sending: { routing: writes.routing, scheduler: writes.makeScheduler() },
        clock: runtime.clock,
        host: this.host,
        probe,
        features,
      },
      (session) => {
        const made = compose(session);
        const { sessionId } = result;
        const watch = new SessionWatch(session, { sessionId, role, diagnostics: this.host.diagnostics });
        const audit = new Auditing(this.host.audit, auditedSession(result, role));
        const term = new AccessTerm(session, allowed, this.#options.runtime.wallClockMs);
        return { ...made, features: [...made.features, audit, term, watch] };
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
    role: 'primary' | 'secondary',
  ): AcceptedSession {
    const { rawPackets, commander, relay } = engine.parts;
    return new AcceptedSession(engine, {
      id: result.sessionId,
      role,
      identity: result.identity,
      commander,
      rawPackets,
      relay,
      mayContribute: result.token?.capabilities.includes(proto.Capability.CONTRIBUTE) === true,
      closeTimeoutMs: this.#options.timeouts.closeMs,
    });
  }

  #keys(result: ServerHandshakeResult): SessionKeys {
    if (result.keys === undefined)
      throw new KwikError('ERR_KWIK_INTERNAL', 'a primary without the keys of its session');
    return result.keys;
  }
}
