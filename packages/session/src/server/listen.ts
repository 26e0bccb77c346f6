import { randomBytes } from 'node:crypto';
import { noneServerAuth, type ServerHandshakeResult } from '@kwik/kcp';
import { checkKeyPair, Endpoint, systemClock } from '@kwik/quic';
import { KwikError, type Clock, type ErrorCode, type PathTransport } from '@kwik/wire';
import type { ListenOptions, ServerCredentials } from '../api/options.js';
import type { HandOver, HandOverOptions, Listener, ListenerCloseOptions, ListenerStats } from '../api/listener.js';
import type { ServerSession } from '../api/session.js';
import { formatAddress, isLoopback } from '../client/target.js';
import { retryAfterMs } from '../core/policy/overload/retry-after.js';
import { resolveLimits } from '../limits.js';
import { checkAccept, checkCredentials, checkListenerClose } from '../options/call-rules.js';
import { checkListenOptions } from '../options/listen-rules.js';
import { resolveTimeouts } from '../options/timeouts.js';
import { resolveWrites } from '../options/writes.js';
import { transportOptions } from '../transport-options.js';
import { tellHandshake, type HandshakeOutcome } from '../runtime/host/handshake-watch.js';
import { OverloadGuard } from '../runtime/overload/overload-guard.js';
import { newHost, type SessionHost } from '../runtime/host/session-host.js';
import { AcceptQueue } from './accept-queue.js';
import { maxConnections, MAX_SESSIONS } from './endpoint-limits.js';
import type { ListenEndpoint } from './network-endpoint.js';
import { letFinish, LISTENER_CLOSE_TIMEOUT_MS } from './let-finish.js';
import { listenerBounds, relayStats } from './listener-bounds.js';
import { credentialsFor } from './listener-credentials.js';
import { countListener } from './listener-reading.js';
import { DEFAULT_HOST, endpointFor } from './listener-socket.js';
import { endpointForwarder } from './relay/endpoint-forwarder.js';
import { keepRelays } from './relay/kept-relays.js';
import { RelayAddresses } from './relay/relay-addresses.js';
import { requireUsable } from './relay/relay-grant.js';
import { resolveRelay } from './relay/relay-config.js';
import { ListenerAudit } from './listener-audit.js';
import { IdleSessions } from './overload/idle-sessions.js';
import { SessionFactory } from './session-factory.js';
import { ListenerTakeover } from './takeover/listener-takeover.js';
import { TokenSigners } from './token-signers.js';
import type { AcceptedSession } from './server-session.js';

const BACKLOG = 512;
/** Unread data of a client that has not said who it is. A hello has 64 kB at most, and nothing else is due before it. */
const STRANGER_BYTES = 256 * 1024;

/** Accepts sessions on a UDP port. Rejects with ERR_KWIK_CREDENTIALS, ERR_KWIK_INVALID_ARGUMENT, or the error of the bind. */
export function listen(options: ListenOptions = {}): Promise<Listener> {
  return listenWith(options);
}

/** What `listen` never does, and the shape of @matrixai/quic may be asked to. */
export interface ListenSpecials {
  /** The socket to listen on; it stays open when the listener is closed. */
  readonly endpoint?: ListenEndpoint;
  /** Refuses clients without a certificate and accepts any, where there is no `clientCa`: somebody else judges it. */
  readonly anyClientCertificate?: boolean;
}

export interface UpdatableListener extends Listener {
  /**
   * Leaves the endpoint that it was given to another listener: nobody is let in any more, not even refused. Sessions that
   * are there stay, as long as their paths do.
   */
  leaveEndpoint(): void;
}

export async function listenWith(options: ListenOptions, specials: ListenSpecials = {}): Promise<UpdatableListener> {
  checkListenOptions(options);
  const host = options.host ?? DEFAULT_HOST;
  const { credentials, trust } = await credentialsFor(host, options);
  // Before anything else takes them: this says best what is wrong with them.
  checkKeyPair(credentials.cert, credentials.key);
  const clock = options.runtime?.clock ?? systemClock();
  const endpoint = specials.endpoint ?? (await endpointFor(options));
  try {
    const listener = new SessionListener(endpoint, { ...options, trust }, specials, credentials, clock);
    await listener.ready();
    if (endpoint instanceof Endpoint) await options.worker?.binding.serve(endpoint, () => listener.stats());
    return listener;
  } catch (error) {
    if (specials.endpoint === undefined) await endpoint.close();
    throw error;
  }
}

class SessionListener implements UpdatableListener {
  readonly #endpoint: ListenEndpoint;
  readonly #clock: Clock;
  readonly #options: ListenOptions;
  readonly #specials: ListenSpecials;
  #credentials: ServerCredentials;
  readonly #factory: SessionFactory;
  readonly #signers: TokenSigners;
  readonly #audit: ListenerAudit;
  readonly #overload: OverloadGuard;
  readonly #takeover: ListenerTakeover;
  readonly #maxSessions: number;
  readonly #backlog: number;
  readonly #sessions = new Set<AcceptedSession>();
  readonly #accepts = new AcceptQueue<AcceptedSession>(() => this.#closed);
  /** One entry for each code of the closed table, at most. */
  readonly #refused: Partial<Record<ErrorCode, number>> = {};
  /** Its counters are found no more. */
  readonly #leave: () => void;
  #opened = 0;
  #resumed = 0;
  #closed = false;
  #listening = false;
  #released: Promise<void> | undefined;

  constructor(
    endpoint: ListenEndpoint,
    options: ListenOptions,
    specials: ListenSpecials,
    credentials: ServerCredentials,
    clock: Clock,
  ) {
    this.#endpoint = endpoint;
    this.#clock = clock;
    this.#options = options;
    this.#specials = specials;
    this.#credentials = credentials;
    this.#maxSessions = options.limits?.maxSessions ?? MAX_SESSIONS;
    this.#backlog = options.limits?.backlog ?? BACKLOG;
    requireUsable(options.relays ?? [], this.#anchors(options));
    const host = newHost({ audit: options.guard?.audit, clock, random: options.runtime?.random });
    this.#takeover = this.#listenerTakeover(host);
    const random = (bytes: number) => new Uint8Array(randomBytes(bytes));
    const signers = new TokenSigners(credentials, { clock, random, onNewKey: (key) => this.#audit.signer(key) });
    this.#signers = signers;
    this.#factory = new SessionFactory({
      runtime: {
        clock,
        wallClockMs: options.runtime?.wallClockMs ?? (() => Date.now()),
        random,
        jitter: options.runtime?.random,
      },
      identity: {
        serverId: options.identity?.serverId ?? '',
        worker: options.worker?.worker,
        audiences: () => this.#audiences(options),
        anchors: () => this.#anchors(options),
        get signer() {
          return signers.current;
        },
      },
      admission: {
        auth: options.auth ?? [noneServerAuth()],
        trust: options.trust ?? {},
        admit: (result) => this.#admit(result),
        guard: options.guard,
      },
      limits: resolveLimits(options.limits),
      timeouts: resolveTimeouts(options.timeouts),
      writes: resolveWrites(options.writes, 'distributed'),
      replica: options.replica,
      ...(options.relay !== undefined && { relay: resolveRelay(options.relay, endpointForwarder(endpoint)) }),
      relays: new RelayAddresses(endpoint, clock),
      diagnostics: options.diagnostics,
      host,
      scaling: options.scaling,
      directory: options.directory,
      takeover: this.#takeover.config,
    });
    this.#overload = this.#overloadGuard(host);
    this.#audit = new ListenerAudit(host.audit, endpoint.address());
    this.#listen(credentials);
    this.#audit.opened(credentials.cert, signers.current.publicKey);
    this.#leave = countListener(host.diagnostics.counters, () => this.stats(), options.relay !== undefined);
  }

  /** What an earlier process kept is there, or does not come. */
  ready(): Promise<void> {
    return this.#factory.scaling.readyInTime(this.#clock);
  }

  #listenerTakeover({ callbacks }: SessionHost): ListenerTakeover {
    const isClosing = (): boolean => this.#closed;
    return new ListenerTakeover(this.#options, { sessions: this.#sessions, clock: this.#clock, callbacks, isClosing });
  }

  #overloadGuard({ memory, policy, callbacks }: SessionHost): OverloadGuard {
    const { overload, limits } = this.#options;
    const most = maxConnections(limits);
    const idle = new IdleSessions();
    return new OverloadGuard(() => overload, {
      clock: this.#clock,
      ledgers: [memory],
      policy,
      endIdle: (ends, now) => idle.look(ends, this.#sessions, now),
      connections: () => ({ open: this.#endpoint.stats().connections, most }),
      tell: (event) => callbacks.call('overload.onChange', overload?.onChange, event),
    });
  }

  updateCredentials(renewed: ServerCredentials): void {
    checkCredentials(renewed);
    const { cert, key } = renewed;
    checkKeyPair(cert, key);
    const credentials = { cert, key };
    try {
      this.#show(credentials);
      this.#signers.update(credentials);
    } catch (error) {
      this.#show(this.#credentials);
      throw error;
    }
    this.#credentials = credentials;
    this.#audit.certificate(cert);
  }

  /** To connections to come, while there may be any. */
  #show(credentials: ServerCredentials): void {
    if (this.#closed) return;
    this.#stopListening();
    this.#listen(credentials);
  }

  #listen({ cert, key }: ServerCredentials): void {
    const { auth = [], transport, timeouts, earlyData = false } = this.#options;
    const clientCa = auth.flatMap((way) => way.clientCa ?? []).join('\n');
    const { anyClientCertificate = false } = this.#specials;
    this.#endpoint.listen(
      {
        certPem: cert,
        keyPem: key,
        ...(clientCa !== '' && { clientCa }),
        anyClientCertificate,
        transport: transportOptions(transport, resolveTimeouts(timeouts).idleMs),
        strangerBytes: STRANGER_BYTES,
        earlyData,
      },
      (accepted) => void this.take(accepted),
    );
    this.#listening = true;
  }

  leaveEndpoint(): void {
    this.#closed = true;
    this.#accepts.pump();
    this.#stopListening();
    this.#leave();
  }

  /** Another listener may have the endpoint by now. */
  #stopListening(): void {
    if (this.#listening) this.#endpoint.stopListening();
    this.#listening = false;
  }

  address(): { address: string; port: number; family: string } {
    return this.#endpoint.address();
  }

  async accept(options: { signal?: AbortSignal } = {}): Promise<ServerSession> {
    checkAccept('accept', options);
    const session = await this.#accepts.next(options.signal);
    if (session === null) throw new KwikError('ERR_KWIK_INVALID_STATE', 'the listener is closed');
    return session;
  }

  stats(): ListenerStats {
    const stats = this.#endpoint.stats();
    return {
      sessions: this.#sessions.size,
      opened: this.#opened,
      resumed: this.#resumed,
      tokens: this.#factory.joinCounters,
      refused: { ...this.#refused },
      bounds: listenerBounds(stats),
      relay: relayStats(stats),
      socket: { io: stats.io, segmentationRefused: stats.segmentationRefused },
      memory: this.#factory.host.memory.use,
      overload: this.#overload.stats,
      decisions: this.#factory.host.policy.decisions,
      callbackErrors: this.#factory.host.callbacks.errors,
    };
  }

  handOver(options: HandOverOptions = {}): Promise<HandOver> {
    return this.#takeover.handOver(options);
  }

  standbyChanged(): void {
    this.#takeover.changed();
  }

  async close(options: ListenerCloseOptions = {}): Promise<void> {
    checkListenerClose(options);
    const { force = false, timeoutMs = LISTENER_CLOSE_TIMEOUT_MS } = options;
    this.#closed = true;
    this.#accepts.pump();
    for (const session of this.#sessions) {
      session.drainRelay();
      session.leaveToStandby();
    }
    await letFinish(this.#sessions, { clock: this.#clock, timeoutMs: force ? 0 : timeoutMs });
    this.#released ??= this.#release();
    await this.#released;
  }

  /** Sessions have ended. Once, however often it is closed. */
  async #release(): Promise<void> {
    if (this.#specials.endpoint === undefined) await this.#endpoint.close();
    else this.#stopListening();
    this.#options.worker?.binding.stop();
    this.#overload.end();
    this.#takeover.end();
    this.#factory.scaling.save(this.#clock.now(), true);
    this.#leave();
    this.#audit.closed();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<ServerSession> {
    for (;;) {
      const session = await this.#accepts.next();
      if (session === null) return;
      yield session;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async take(transport: PathTransport): Promise<void> {
    const startedMs = this.#clock.now();
    const finished = (outcome: HandshakeOutcome): void => {
      const address = formatAddress(transport.remote.address, transport.remote.port);
      const { diagnostics } = this.#factory.host;
      tellHandshake(diagnostics, { side: 'server', address }, outcome, this.#clock.now() - startedMs);
    };
    try {
      const { purpose, session } = await this.#factory.accept(transport);
      if (purpose === 'asked') return;
      finished({ purpose });
      if (purpose === 'return') this.#resumed++;
      if (session === undefined) return;
      if (session.role === 'primary') this.#begin(session);
      this.#sessions.add(session);
      void session.closed.then(() => this.#onEnded(session));
      // A secondary serves replicas without anybody accepting it; so its place in the queue is not worth refusing paths.
      if (session.role === 'primary' || this.#accepts.waiting < this.#backlog) this.#accepts.push(session);
    } catch (error) {
      // The client was told why, and the connection is closed.
      const refusal = KwikError.from(error);
      this.#audit.refused(refusal, transport);
      this.#refused[refusal.code] = (this.#refused[refusal.code] ?? 0) + 1;
      finished({ purpose: 'unknown', error: refusal });
      this.#factory.host.callbacks.call('onRefused', this.#options.onRefused, refusal);
    }
  }

  #begin(session: AcceptedSession): void {
    this.#opened++;
    const { relays = [] } = this.#options;
    if (relays.length > 0) {
      const { shortage } = this.#factory.host.policy;
      keepRelays(session, relays, { clock: this.#clock, random: () => this.#factory.fraction(), shortage });
    }
  }

  #admit(result: ServerHandshakeResult): void {
    this.#factory.host.audit.requireWritable();
    if (this.#closed) throw new KwikError('ERR_KWIK_CONNECTION_REFUSED', 'the server is stopping');
    if (this.#sessions.size >= this.#maxSessions) {
      throw this.#full(`the server has its ${this.#maxSessions} sessions`);
    }
    this.#overload.admit(result.kind === 'join-secondary' ? 'path' : 'session');
    if (result.kind !== 'join-secondary' && this.#accepts.waiting >= this.#backlog) {
      throw this.#full('the server does not accept sessions fast enough');
    }
  }

  /** Clients that are refused at once do not come back at once. */
  #full(reason: string): KwikError {
    return new KwikError('ERR_KWIK_CONNECTION_REFUSED', reason, {
      retryAfterMs: retryAfterMs(0, this.#factory.fraction()),
    });
  }

  #onEnded(session: AcceptedSession): void {
    this.#sessions.delete(session);
    this.#accepts.onEnded(session);
  }

  /** Where relays may reach this server. Behind a wildcard address nobody here knows under which one others do. */
  #anchors({ identity }: ListenOptions): string[] {
    const { address, port } = this.#endpoint.address();
    const isWildcard = address === '0.0.0.0' || address === '::';
    return [...(isWildcard ? [] : [formatAddress(address, port)]), ...(identity?.audiences ?? [])];
  }

  #audiences(options: ListenOptions): string[] {
    const { address, port } = this.#endpoint.address();
    const own = [formatAddress(address, port)];
    if (isLoopback(address)) own.push(formatAddress('localhost', port));
    if (options.host !== undefined) own.push(formatAddress(options.host, port));
    return [...own, ...(options.identity?.audiences ?? [])];
  }
}
