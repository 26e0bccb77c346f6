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
  MAX_PACKET_BYTES,
  PRIMARY_PATH_ID,
  proto,
  sessionIdFromBytes,
  type Clock,
  type PathTransport,
  type Scheduler,
  type SessionId,
} from '@kwik/wire';
import type { ListenOptions } from '../api/options.js';
import { formatAddress } from '../client/target.js';
import { FIRST_CLIENT_PATH_ID } from '../limits.js';
import { agreedIdleTimeoutMs, peerStreamLimits, toProtoLimits, type ResolvedLimits } from '../limits.js';
import { NODE_NATIVES } from '../runtime/host/node-natives.js';
import { SessionEngine, type EngineProbe } from '../runtime/session/engine.js';
import { CLOSE_TIMEOUT_MS } from '../runtime/session/farewell.js';
import type { WriteRouting } from '../runtime/turn/packet-sender.js';
import { orClose } from '../runtime/paths/or-close.js';
import type { PathPort } from '../runtime/paths/path-port.js';
import { PathRuntime } from '../runtime/paths/path-runtime.js';
import { newHost, type SessionHost } from '../runtime/host/session-host.js';
import { PendingReplies } from '../runtime/control/pending-replies.js';
import { acceptHandshake } from './accept-handshake.js';
import { ContentSender } from './content-sender.js';
import { ContentServer } from './content-server.js';
import { PathCommander } from './path-commander.js';
import { ServerRole } from './server-role.js';
import { AcceptedSession } from './server-session.js';

const SESSION_ID_BYTES = 16;
const SECRET_BYTES = 32;

export interface SessionFactoryOptions {
  readonly clock: Clock;
  readonly wallClockMs: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly limits: ResolvedLimits;
  readonly idleTimeoutMs: number;
  readonly signer: Ed25519Signer;
  readonly trust: TrustPolicy;
  readonly audiences: () => readonly string[];
  readonly auth: readonly ServerAuthenticator[];
  readonly serverId: string;
  readonly replica: ListenOptions['replica'];
  readonly routing: WriteRouting;
  readonly makeScheduler: () => Scheduler;
  readonly compression?: 'off' | 'auto' | undefined;
  readonly diagnostics?: boolean | undefined;
  /** How long a session waits for its client to come back, milliseconds. */
  readonly recoveryMs: number;
  readonly closeTimeoutMs?: number | undefined;
  /** Throws when there is no room for another session. */
  readonly admit: (result: ServerHandshakeResult) => void;
  readonly probe?: EngineProbe;
  /** One of its own unless told. */
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
  readonly #sessions = new Map<SessionId, Resumable>();

  constructor(options: SessionFactoryOptions) {
    this.#options = options;
    this.host = options.host ?? newHost();
    this.#admission = new JoinAdmission({
      trust: options.trust,
      audiences: options.audiences,
      used: new UsedTokens({}),
    });
  }

  /** Joins by outcome. */
  get joinCounters(): JoinAdmission['counters'] {
    return this.#admission.counters;
  }

  /** The session that the connection opened; undefined when it is a further path of one, or one that came back. */
  async accept(transport: PathTransport): Promise<AcceptedSession | undefined> {
    const { clock, limits, wallClockMs } = this.#options;
    const { port, result } = await acceptHandshake(transport, this.#handshake(transport), clock, {
      timeoutMs: limits.handshakeTimeoutMs,
      wallClockMs,
      admit: (admitted) => this.#admit(admitted),
      callbacks: this.host.callbacks,
    });
    transport.acceptPeer?.();
    return orClose(port, () => this.#settle(port, result));
  }

  #settle(port: PathPort, result: ServerHandshakeResult): AcceptedSession | undefined {
    switch (result.kind) {
      case 'open':
        return this.#primary(port, result);
      case 'join-secondary':
        return this.#secondary(port, result);
      case 'join-primary':
        this.#resume(port, result);
        return undefined;
    }
  }

  #admit(result: ServerHandshakeResult): void {
    if (result.kind !== 'join-primary') {
      this.#options.admit(result);
      return;
    }
    if (result.token !== undefined) {
      throw new KwikError(
        'ERR_KWIK_INVALID_ARGUMENT',
        "the address is the session's own primary: addPath is for other servers, and further paths to this one are the " +
          'option extraPaths of dial',
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
    const { limits, idleTimeoutMs, random, signer, auth, serverId, replica, compression } = this.#options;
    const { CONTRIBUTE, RAW, COMPRESSION, MULTIHOMING } = proto.Capability;
    const capabilities: proto.Capability[] = [CONTRIBUTE, RAW, MULTIHOMING];
    if (compression === 'auto') capabilities.push(COMPRESSION);
    if (replica !== undefined) capabilities.push(proto.Capability.REPLICA);
    return new ServerHandshake({
      auth,
      capabilities,
      limits: toProtoLimits(limits, idleTimeoutMs),
      serverId,
      random,
      serverKey: signer.publicKey,
      makeSessionId: () => sessionIdFromBytes(random(SESSION_ID_BYTES)),
      sessionSecret: () => random(SECRET_BYTES),
      findSession: (id) => this.#sessions.get(id)?.keys,
      admission: this.#admission,
      peerCertificates: transport.peerCertificates,
      channelBinding: transport.channelBinding,
    });
  }

  #primary(port: PathPort, result: ServerHandshakeResult): AcceptedSession {
    const keys = this.#keys(result);
    const engine = this.#engine('primary');
    const { signer, wallClockMs } = this.#options;
    const replies = new PendingReplies();
    const content = new ContentServer(engine, {
      sessionId: result.sessionId,
      wallClockMs,
      replica: () => Promise.resolve(undefined),
    });
    const sender = new ContentSender(engine, content, { sessionId: result.sessionId, signer, wallClockMs });
    const commander = new PathCommander(engine, { keys, signer, wallClockMs, replies, random: () => this.#fraction() });
    const { recoveryMs } = this.#options;
    engine.attachRole(new ServerRole(engine, { recoveryMs, content, replies, sender, commander }));
    this.#sessions.set(result.sessionId, { keys, engine });
    void engine.closed.then(() => {
      this.#sessions.delete(result.sessionId);
      sender.wakeAll();
      content.endAll();
    });
    engine.addPath(this.#path(engine, port, result));
    return this.#session(engine, result, 'primary', replies, commander);
  }

  #secondary(port: PathPort, result: ServerHandshakeResult): AcceptedSession {
    const engine = this.#engine('secondary');
    const { wallClockMs, replica } = this.#options;
    const replies = new PendingReplies();
    const mayServe = result.token?.capabilities.includes(proto.Capability.REPLICA) === true;
    const context = {
      sessionId: result.sessionId,
      ...(result.identity !== undefined && { identity: result.identity }),
    };
    const content = new ContentServer(engine, {
      sessionId: result.sessionId,
      ...(result.signer !== undefined && { grantSigner: result.signer }),
      wallClockMs,
      replica: async (key) =>
        mayServe ? this.host.callbacks.tell('replica', () => replica?.(key, context)) : undefined,
    });
    engine.attachRole(new ServerRole(engine, { recoveryMs: 0, content, replies }));
    void engine.closed.then(() => content.endAll());
    engine.addPath(this.#path(engine, port, result));
    return this.#session(engine, result, 'secondary', replies, undefined);
  }

  #compresses({ peerCapabilities }: ServerHandshakeResult): boolean {
    return this.#options.compression === 'auto' && peerCapabilities.includes(proto.Capability.COMPRESSION);
  }

  /** 0 <= fraction < 1 */
  #fraction(): number {
    return Buffer.from(this.#options.random(4)).readUInt32LE() / 2 ** 32;
  }

  #engine(role: 'primary' | 'secondary'): SessionEngine {
    const { routing, makeScheduler, limits } = this.#options;
    const { streamWindowBytes, sessionWindowBytes, sendBufferBytes, maxStreams } = limits;
    const engine = new SessionEngine(
      {
        role,
        streamWindowBytes,
        sessionWindowBytes,
        sendBufferBytes,
        maxStreams,
        maxPacketBytes: MAX_PACKET_BYTES,
        natives: NODE_NATIVES,
      },
      { routing, scheduler: makeScheduler() },
      this.#options.clock,
      this.host,
    );
    this.#options.probe?.(engine);
    return engine;
  }

  #path(engine: SessionEngine, port: PathPort, result: ServerHandshakeResult): PathRuntime {
    const { remote } = port.transport;
    return new PathRuntime({
      id: result.pathId,
      address: formatAddress(remote.address, remote.port),
      primary: result.kind !== 'join-secondary',
      port,
      peer: { ...peerStreamLimits(result.peerLimits), compresses: this.#compresses(result) },
      idleTimeoutMs: agreedIdleTimeoutMs(this.#options.idleTimeoutMs, result.peerLimits.idleTimeoutMs),
      diagnostics: this.#options.diagnostics,
      machine: engine.history.machine(result.pathId),
      clock: this.#options.clock,
      events: engine,
    });
  }

  #session(
    engine: SessionEngine,
    result: ServerHandshakeResult,
    role: 'primary' | 'secondary',
    replies: PendingReplies,
    commander: PathCommander | undefined,
  ): AcceptedSession {
    const maxRawPacketBytes = Math.min(this.#options.limits.maxRawPacketBytes, result.peerLimits.maxRawPacketBytes);
    return new AcceptedSession(engine, {
      id: result.sessionId,
      role,
      identity: result.identity,
      replies,
      commander,
      maxRawPacketBytes,
      mayContribute: result.token?.capabilities.includes(proto.Capability.CONTRIBUTE) === true,
      closeTimeoutMs: this.#options.closeTimeoutMs ?? CLOSE_TIMEOUT_MS,
      mayUseRaw: role === 'primary' || result.token?.capabilities.includes(proto.Capability.RAW) === true,
    });
  }

  #keys(result: ServerHandshakeResult): SessionKeys {
    if (result.keys === undefined)
      throw new KwikError('ERR_KWIK_INTERNAL', 'a primary without the keys of its session');
    return result.keys;
  }
}
