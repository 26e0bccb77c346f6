import type { DialOptions, EarlyData, Session, StreamIntent } from '@kwik/session';
import {
  type AddressedTarget,
  ByteStream,
  dialAddresses,
  dialServiceFrom,
  DialEndpoints,
  sessionAddresses,
  type SessionAddresses,
} from '@kwik/session/socket';
import { KwikError, type Discovery } from '@kwik/wire';
import { type ConnectionRequest, requestConnection, resetStream } from '../carrier/preamble.js';
import { RESET_CODES } from '../errors.js';
import { orAborted } from '../or-aborted.js';
import type { ProcessFarewell } from '../process/farewell.js';
import type { PoolSettings } from '../settings/settings.js';
import { PooledSession } from './pooled-session.js';

const IDLE_MS = 5000;
const MAX_SOCKETS = 512;
const MAX_IDLE = 64;
/** A session that has just been there answers in a round trip. After this many, or this long, another one is tried beside it. */
const PATIENCE_RTTS = 4;
const MIN_PATIENCE_MS = 250;

/** One connection of the application's, on a stream of its own. */
export interface OpenedStream {
  readonly stream: ByteStream;
  readonly first: Buffer;
  readonly addresses: SessionAddresses;
  /** The stream is over. */
  readonly release: () => void;
}

/** A service, and what finds its servers. */
interface ServiceTarget {
  readonly service: string;
  readonly discovery: Discovery;
}

/** What a socket wants of the pool. */
export interface PoolRequest {
  readonly target: AddressedTarget | ServiceTarget;
  readonly options: DialOptions;
  readonly pool: PoolSettings;
  /** Of its stream; sockets of different intents share a session. */
  readonly intent: StreamIntent | undefined;
  /** What the server is asked. Where a session is dialled for the socket alone it goes with the hello. */
  readonly connection: ConnectionRequest;
  readonly signal: AbortSignal;
}

/** The session was dialled for this socket; or others have it, and where the server gives no credit for a stream it waits. */
type Joining = 'dialled' | 'wait' | 'now';

/**
 * The sessions of a process with each server, which its sockets share. Here is the place for paths that a session gets
 * besides: whatever it carries is a matter of `PooledSession`, and sockets know nothing of it.
 */
export class SessionPool {
  readonly #endpoints = new DialEndpoints();
  readonly #byTarget = new Map<string, Set<PooledSession>>();
  readonly #discoveries = new WeakMap<Discovery, number>();
  #nextDiscovery = 0;
  /** Without sockets, the one that has been so for longest first. */
  readonly #idle = new Set<PooledSession>();

  readonly #farewell: ProcessFarewell;

  constructor(farewell: ProcessFarewell) {
    this.#farewell = farewell;
    farewell.addTransmitter(this.#endpoints);
  }

  /**
   * A stream that the server has taken. A session that was there before may lead to a server that has gone since: then a
   * fresh one is tried, for nothing of the application has been sent yet that may not be sent twice. Rejects as `dial` and `Stream.read` do.
   */
  async open(request: PoolRequest): Promise<OpenedStream> {
    for (;;) {
      const known = this.#known(request);
      if (known === undefined) return await this.#openOn(this.#dial(request), request, 'dialled');
      try {
        if (known.established !== undefined) {
          return await this.#openOnEither(known, patienceMs(known.established), request);
        }
        return await this.#openOn(known, request, 'now');
      } catch (error) {
        // More have joined it than the server gives streams to: whoever comes then needs a further session.
        if (!isStreamLimit(error)) throw error;
        known.fill();
      }
    }
  }

  async #openOnEither(known: PooledSession, patience: number, request: PoolRequest): Promise<OpenedStream> {
    const cancelled = new AbortController();
    const signal = AbortSignal.any([request.signal, cancelled.signal]);
    const first = this.#openOn(known, { ...request, signal }, 'now');
    if (await settledWithin(first, patience)) {
      const opened = await first.catch((error: unknown) => {
        if (isStreamLimit(error)) throw error;
      });
      if (opened !== undefined) return opened;
    }
    known.retire();
    request.signal.throwIfAborted();
    // Others that have waited as long may have dialled already.
    const other = this.#known(request);
    const second = this.#openOn(other ?? this.#dial(request), { ...request, signal }, other ? 'wait' : 'dialled');
    try {
      const winner = await Promise.any([first, second]);
      // Whichever comes later is of no use.
      for (const each of [first, second]) void each.then((opened) => opened !== winner && discard(opened), ignore);
      return winner;
    } catch {
      // What a fresh session says is what holds now.
      return await second;
    } finally {
      cancelled.abort();
    }
  }

  /** With 'now' it rejects with ERR_KWIK_STREAM_LIMIT where there is no credit for a stream. */
  async #openOn(
    pooled: PooledSession,
    { signal, intent, connection }: Omit<PoolRequest, 'target' | 'options' | 'pool'>,
    joining: Joining,
  ): Promise<OpenedStream> {
    this.#idle.delete(pooled);
    const release = pooled.join();
    let stream: ByteStream | undefined;
    try {
      const session = await orAborted(pooled.session, signal);
      const early = joining === 'dialled' ? session.early : undefined;
      const how = intent === undefined ? {} : { intent };
      if (early !== undefined) stream = new ByteStream(early);
      else if (joining === 'now') stream = new ByteStream(session.openStream(how));
      else stream = new ByteStream(await session.openStreamSync({ ...how, signal }));
      const first = await ask(stream, connection, { sent: early !== undefined, signal });
      const addresses = sessionAddresses(session);
      if (addresses === undefined) throw new KwikError('ERR_KWIK_SESSION_CLOSED', 'the session lost its last path');
      return { stream, first, addresses, release };
    } catch (error) {
      if (stream !== undefined) resetStream(stream, RESET_CODES.reset);
      else if (joining === 'dialled') void pooled.session.then(discardEarly, ignore);
      release();
      throw error;
    }
  }

  #known({ target, options, pool: { maxSockets = MAX_SOCKETS } }: PoolRequest): PooledSession | undefined {
    for (const pooled of this.#byTarget.get(this.#keyOf(target)) ?? []) {
      if (pooled.takes(options) && pooled.sockets < maxSockets) return pooled;
    }
    return undefined;
  }

  /** The dial outlives the socket that asked for it, as long as others have joined. */
  #dial({ target, options, pool, intent, connection }: PoolRequest): PooledSession {
    const { idleMs = IDLE_MS, maxIdle = MAX_IDLE } = pool;
    const how = intent === undefined ? {} : { intent };
    const key = this.#keyOf(target);
    const sessions = this.#byTarget.get(key) ?? new Set();
    this.#byTarget.set(key, sessions);
    const pooled = new PooledSession({
      options,
      idleMs,
      dial: async (signal) => {
        const session = await this.#dialTarget(target, { ...options, signal }, () => ({
          ...how,
          data: connection.bytes,
        }));
        this.#farewell.addSession(session);
        return session;
      },
      onIdle: () => this.#keepIdle(pooled, maxIdle),
      onGone: () => {
        this.#idle.delete(pooled);
        sessions.delete(pooled);
        if (sessions.size === 0) this.#byTarget.delete(key);
      },
    });
    sessions.add(pooled);
    return pooled;
  }

  #dialTarget(target: PoolRequest['target'], options: DialOptions, early: () => EarlyData): Promise<Session> {
    if (!('service' in target)) {
      return dialAddresses(target, options, this.#endpoints, early);
    }
    const { service, discovery } = target;
    return dialServiceFrom(service, { ...options, discovery }, this.#endpoints, early);
  }

  /** Sockets share a session only if they would have opened the same one. */
  #keyOf(target: PoolRequest['target']): string {
    if (!('service' in target)) {
      const { host, port, addresses, localPort = 0 } = target;
      return JSON.stringify([host, port, addresses, localPort]);
    }
    const { service, discovery } = target;
    const number = this.#discoveries.get(discovery) ?? this.#nextDiscovery++;
    this.#discoveries.set(discovery, number);
    return JSON.stringify([service, number]);
  }

  #keepIdle(pooled: PooledSession, maxIdle: number): void {
    this.#idle.add(pooled);
    for (const oldest of this.#idle) {
      if (this.#idle.size <= maxIdle) return;
      oldest.retire();
      this.#idle.delete(oldest);
    }
  }
}

function isStreamLimit(error: unknown): boolean {
  return error instanceof KwikError && error.code === 'ERR_KWIK_STREAM_LIMIT';
}

function patienceMs(session: Session): number {
  const rttMs = session.getActivePaths()[0]?.rttMs ?? 0;
  return Math.max(MIN_PATIENCE_MS, PATIENCE_RTTS * rttMs);
}

/** Asks the server to take the stream as a connection, and leaves nothing there when the socket has gone meanwhile. */
async function ask(
  stream: ByteStream,
  connection: ConnectionRequest,
  { sent, signal }: { readonly sent: boolean; readonly signal: AbortSignal },
): Promise<Buffer> {
  const onAbort = (): void => resetStream(stream, RESET_CODES.reset);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await requestConnection(stream, connection, { sent, signal });
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Of a socket that has gone while the session was dialled for it, and which others wait for. */
function discardEarly({ early }: Session): void {
  if (early !== undefined) resetStream(new ByteStream(early), RESET_CODES.reset);
}

function discard({ stream, release }: OpenedStream): void {
  resetStream(stream, RESET_CODES.reset);
  release();
}

/** Whether the promise is settled, in whichever way, before so many milliseconds have passed. */
async function settledWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false);
    timer.unref();
  });
  const settled = promise.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, late]);
  } finally {
    clearTimeout(timer);
  }
}

function ignore(): void {
  // It lost; nobody asks why.
}
