import { randomBytes } from 'node:crypto';
import { delegate, Ed25519Signer, noneServerAuth, type ServerHandshakeResult, type TrustPolicy } from '@kwik/kcp';
import { checkKeyPair, Endpoint, type EndpointOptions, systemClock, withoutZone } from '@kwik/quic';
import { KwikError, type Clock, type ErrorCode, type PathTransport } from '@kwik/wire';
import type { ListenOptions, ServerCredentials } from '../api/options.js';
import type { Listener, ListenerCloseOptions, ListenerStats, ServerSession } from '../api/session.js';
import { formatAddress, isLoopback } from '../client/target.js';
import { developmentCertificate } from '../credentials/dev-authority.js';
import { resolveLimits } from '../limits.js';
import { checkListenOptions } from '../options/listen-rules.js';
import { resolveTimeouts } from '../options/timeouts.js';
import { resolveWrites } from '../options/writes.js';
import { transportOptions } from '../transport-options.js';
import { tellHandshake, type HandshakeOutcome } from '../runtime/host/handshake-watch.js';
import { newHost } from '../runtime/host/session-host.js';
import { TurnQueue } from '../runtime/waiting/turn-queue.js';
import { endpointLimits, MAX_SESSIONS } from './endpoint-limits.js';
import { type ListenEndpoint, NetworkEndpoint } from './network-endpoint.js';
import { letFinish, LISTENER_CLOSE_TIMEOUT_MS } from './let-finish.js';
import { boundTeller, listenerBounds, relayStats } from './listener-bounds.js';
import { listenerReading } from './listener-reading.js';
import { endpointForwarder } from './relay/endpoint-forwarder.js';
import { resolveRelay } from './relay/relay-config.js';
import { listenerResetKey } from './reset-key.js';
import { ListenerAudit } from './listener-audit.js';
import { SessionFactory } from './session-factory.js';
import type { AcceptedSession } from './server-session.js';

const DEFAULT_HOST = '127.0.0.1';
const BACKLOG = 512;
/** Sessions that ended before anybody accepted them, and what they hold of their streams: no ledger counts it any more. */
const MAX_ENDED_WAITING = 64;
const MAX_ENDED_BYTES = 64 * 1024 * 1024;
const SIGNER_SEED_BYTES = 32;
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
  /** Connections to come see these. Throws ERR_KWIK_CREDENTIALS and changes nothing when they cannot work. */
  updateCredentials(credentials: ServerCredentials): void;
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
    return new SessionListener(endpoint, { ...options, trust }, specials, credentials, clock);
  } catch (error) {
    if (specials.endpoint === undefined) await endpoint.close();
    throw error;
  }
}

async function endpointFor(options: ListenOptions): Promise<ListenEndpoint> {
  const { host = DEFAULT_HOST, port = 0, runtime, timeouts } = options;
  if (runtime?.network === undefined) return Endpoint.bind(endpointOptions(options));
  return new NetworkEndpoint(runtime.network, { host, port }, { idleTimeoutMs: resolveTimeouts(timeouts).idleMs });
}

/** How the socket of a listener is bound. Throws ERR_KWIK_INVALID_ARGUMENT. */
export function endpointOptions(options: ListenOptions): EndpointOptions {
  const { host = DEFAULT_HOST, port = 0 } = options;
  const resetKey = listenerResetKey(options.identity?.resetKey, host, port);
  return {
    host,
    port,
    clock: options.runtime?.clock ?? systemClock(),
    limits: endpointLimits(options.limits),
    ...(options.transport?.io !== undefined && { io: options.transport.io }),
    ...(resetKey !== undefined && { resetKey }),
    onBound: boundTeller(options.onRefused),
  };
}

/** Without credentials, those of development, and trust in the other servers that have theirs from the same authority. */
async function credentialsFor(
  host: string,
  { credentials, trust, runtime }: ListenOptions,
): Promise<{ credentials: ServerCredentials; trust: TrustPolicy }> {
  if (credentials !== undefined) return { credentials, trust: trust ?? {} };
  if (!isLoopback(host) && runtime?.network === undefined) {
    throw new KwikError(
      'ERR_KWIK_CREDENTIALS',
      `listening on ${host}, beyond this machine, takes credentials: give cert and key (PEM)`,
    );
  }
  const made = await developmentCertificate([...new Set(['localhost', '127.0.0.1', '::1', withoutZone(host)])]);
  return { credentials: { cert: made.certPem, key: made.keyPem }, trust: trust ?? { ca: made.ca } };
}

class SessionListener implements UpdatableListener {
  readonly #endpoint: ListenEndpoint;
  readonly #clock: Clock;
  readonly #options: ListenOptions;
  readonly #specials: ListenSpecials;
  #credentials: ServerCredentials;
  readonly #factory: SessionFactory;
  readonly #audit: ListenerAudit;
  readonly #maxSessions: number;
  readonly #backlog: number;
  readonly #onRefused: ListenOptions['onRefused'];
  readonly #sessions = new Set<AcceptedSession>();
  readonly #queue: AcceptedSession[] = [];
  /** Those of the queue that have ended, oldest first, with the bytes that they still hold. */
  readonly #ended = new Map<AcceptedSession, number>();
  readonly #accepts = new TurnQueue(() => this.#nextNow());
  /** One entry for each code of the closed table, at most. */
  readonly #refused: Partial<Record<ErrorCode, number>> = {};
  /** Its counters are found no more. */
  readonly #leave: () => void;
  #opened = 0;
  #resumed = 0;
  #closed = false;
  #listening = false;

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
    this.#onRefused = options.onRefused;
    this.#backlog = options.limits?.backlog ?? BACKLOG;
    const host = newHost({ audit: options.guard?.audit, now: () => clock.now() });
    const signer = Ed25519Signer.fromSeed(new Uint8Array(randomBytes(SIGNER_SEED_BYTES)));
    this.#factory = new SessionFactory({
      runtime: {
        clock,
        wallClockMs: () => Date.now(),
        random: (bytes) => new Uint8Array(randomBytes(bytes)),
        jitter: options.runtime?.random,
      },
      identity: {
        serverId: options.identity?.serverId ?? '',
        audiences: () => this.#audiences(options),
        anchors: () => this.#anchors(options),
        signer: signer.withDelegation(delegate(signer.publicKey, credentials.key, credentials.cert)),
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
      diagnostics: options.diagnostics,
      host,
      scaling: options.scaling,
    });
    this.#audit = new ListenerAudit(host.audit, endpoint.address());
    this.#listen(credentials);
    this.#audit.opened(credentials.cert, signer.publicKey);
    const { counters } = this.#factory.host.diagnostics;
    this.#leave = counters.add({ kind: 'component', component: 'listener', read: () => listenerReading(this.stats()) });
  }

  updateCredentials(credentials: ServerCredentials): void {
    this.#stopListening();
    try {
      this.#listen(credentials);
      this.#credentials = credentials;
      this.#audit.certificate(credentials.cert);
    } catch (error) {
      this.#listen(this.#credentials);
      throw error;
    }
  }

  #listen({ cert, key }: ServerCredentials): void {
    const { auth = [], transport, timeouts } = this.#options;
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
      callbackErrors: this.#factory.host.callbacks.errors,
    };
  }

  async close({ force = false, timeoutMs = LISTENER_CLOSE_TIMEOUT_MS }: ListenerCloseOptions = {}): Promise<void> {
    this.#closed = true;
    this.#accepts.pump();
    for (const session of this.#sessions) session.drainRelay();
    await letFinish(this.#sessions, { clock: this.#clock, timeoutMs: force ? 0 : timeoutMs });
    if (this.#specials.endpoint === undefined) await this.#endpoint.close();
    else this.#stopListening();
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
      const session = await this.#factory.accept(transport);
      finished({ purpose: purposeOf(session) });
      if (session === undefined) {
        this.#resumed++;
        return;
      }
      if (session.role === 'primary') this.#opened++;
      this.#sessions.add(session);
      void session.closed.then(() => this.#onEnded(session));
      // A secondary serves replicas without anybody accepting it; so its place in the queue is not worth refusing paths.
      if (session.role === 'primary' || this.#queue.length - this.#ended.size < this.#backlog)
        this.#queue.push(session);
      this.#accepts.pump();
    } catch (error) {
      // The client was told why, and the connection is closed.
      const refusal = KwikError.from(error);
      this.#audit.refused(refusal, transport);
      this.#refused[refusal.code] = (this.#refused[refusal.code] ?? 0) + 1;
      finished({ purpose: 'unknown', error: refusal });
      this.#factory.host.callbacks.call('onRefused', this.#onRefused, refusal);
    }
  }

  /** Null when the listener is closed and nothing waits. */
  #nextNow(): ServerSession | null | undefined {
    const session = this.#queue.shift();
    if (session === undefined) return this.#closed ? null : undefined;
    this.#ended.delete(session);
    return session;
  }

  #admit(result: ServerHandshakeResult): void {
    this.#factory.host.audit.requireWritable();
    if (this.#closed) throw new KwikError('ERR_KWIK_CONNECTION_REFUSED', 'the server is stopping');
    if (this.#sessions.size >= this.#maxSessions) {
      throw new KwikError('ERR_KWIK_CONNECTION_REFUSED', `the server has its ${this.#maxSessions} sessions`);
    }
    if (result.kind !== 'join-secondary' && this.#queue.length - this.#ended.size >= this.#backlog) {
      throw new KwikError('ERR_KWIK_CONNECTION_REFUSED', 'the server does not accept sessions fast enough');
    }
  }

  /** One that nobody has accepted stays for `accept`, with its streams, as long as there are few of them. */
  #onEnded(session: AcceptedSession): void {
    this.#sessions.delete(session);
    if (!this.#queue.includes(session)) return;
    this.#ended.set(session, session.unreadBytes);
    let bytes = 0;
    for (const unread of this.#ended.values()) bytes += unread;
    for (const [oldest, unread] of this.#ended) {
      if (this.#ended.size <= MAX_ENDED_WAITING && bytes <= MAX_ENDED_BYTES) return;
      bytes -= unread;
      this.#ended.delete(oldest);
      this.#queue.splice(this.#queue.indexOf(oldest), 1);
    }
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

/** A path that came to a session which is open here is one more of it, or one of before. */
function purposeOf(session: AcceptedSession | undefined): HandshakeOutcome['purpose'] {
  if (session === undefined) return 'return';
  return session.role === 'primary' ? 'open' : 'join';
}
