import { Endpoint, systemClock } from '@kwik/quic';
import { KwikError, type PathTransport } from '@kwik/wire';
import type { DialOptions, DialTarget } from '../api/options.js';
import type { Session } from '../api/session.js';
import { QuicConnector, type Connector, type ConnectOptions } from '../client/connector.js';
import { dialOver } from '../client/dial.js';
import { checkDialOptions } from '../options/dial-rules.js';
import { withMembers } from '../options/with-members.js';
import { cannotReach, resolveHost } from './addresses.js';
import { errorOfDial } from './close-errors.js';
import { clientOptions } from './config.js';
import {
  ErrorQUICClientInvalidArgument,
  ErrorQUICClientSocketNotRunning,
  ErrorQUICConnectionIdleTimeout,
} from './errors.js';
import { engineOf, firstTransport } from './session-parts.js';
import type { ContextTimedInput, QUICClientOptions } from './types.js';
import { serverVerification, type ChainCheck, type Verification } from './verification.js';

/** QUIC's idle timer begins anew with each packet of a handshake, which takes round trips and computation. */
const MIN_IDLE_HANDSHAKE_MS = 1000;

export interface DialledSession {
  readonly session: Session;
  /** After its end: gives back what it had alone. */
  readonly release: () => Promise<void>;
}

/** A session with a server that is verified as the config says. Rejects with errors in the shape of @matrixai/quic's. */
export async function connect(
  options: QUICClientOptions,
  ctx: ContextTimedInput,
  signal: AbortSignal,
): Promise<DialledSession> {
  refuse(options);
  const { config = {}, localHost, resolveHostname, kwik = {} } = options;
  const fromConfig = clientOptions(config);
  const verification = serverVerification(config, systemClock());
  signal.throwIfAborted();
  const time = timeLimit(ctx.timer, config.maxIdleTimeout ?? 0);
  try {
    const host = await resolveHost(options.host, resolveHostname, 'dial');
    if (localHost !== undefined && cannotReach(localHost, host)) {
      throw new ErrorQUICClientInvalidArgument(`${host} cannot be reached from ${localHost}`);
    }
    checkDialOptions(kwik);
    const target = { host, port: options.port };
    const asked = {
      trust: { ...fromConfig.trust, serverName: options.serverName ?? options.host },
      ...(localHost !== undefined && localHost !== '::' && { paths: { localAddress: localHost } }),
      timeouts: { ...fromConfig.timeouts, ...(time.ms !== undefined && { dialMs: time.ms }) },
      signal,
    };
    return await open(target, options, verification, withMembers({ ...fromConfig, ...asked }, kwik));
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof KwikError)) throw error;
    if (error.code === 'ERR_KWIK_TIMEOUT' && time.idle) {
      throw new ErrorQUICConnectionIdleTimeout(error.message, { cause: error });
    }
    throw errorOfDial(error);
  }
}

async function open(
  target: DialTarget,
  options: QUICClientOptions,
  { unverified, check }: Verification,
  dialOptions: DialOptions,
): Promise<DialledSession> {
  const own = await ownEndpoint(options);
  const endpoint = options.socket?.endpoint ?? own;
  const specials = { unverified, awaitServer: true, ...(endpoint !== undefined && { endpoint }) };
  // What the handshake says may be a secret; without it, the server hears of a session before it is judged, as there.
  const judgesFirst = options.kwik?.auth !== undefined;
  const connector = new JudgedConnector(new QuicConnector(dialOptions, undefined, specials), check, judgesFirst);
  const release = async (): Promise<void> => own?.close();
  try {
    const session = await dialOver(connector, target, dialOptions);
    if (!judgesFirst) await judge(session, check);
    return { session, release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Has each server of the session judged before anything is said to it; whoever made this may judge the first one itself. */
class JudgedConnector implements Connector {
  #judging: boolean;

  readonly #inner: Connector;
  readonly #check: ChainCheck | undefined;

  constructor(inner: Connector, check: ChainCheck | undefined, judgesFirst: boolean) {
    this.#inner = inner;
    this.#check = check;
    this.#judging = judgesFirst;
  }

  async connect(target: DialTarget, options: ConnectOptions): Promise<PathTransport> {
    return this.#judged(await this.#inner.connect(target, options));
  }

  async connectThrough(
    relay: PathTransport,
    connectionId: Uint8Array,
    options: ConnectOptions,
  ): Promise<PathTransport> {
    if (this.#inner.connectThrough === undefined) throw new KwikError('ERR_KWIK_UNSUPPORTED', 'there are no relays');
    return this.#judged(await this.#inner.connectThrough(relay, connectionId, options));
  }

  async #judged(transport: PathTransport): Promise<PathTransport> {
    const judging = this.#judging;
    this.#judging = true;
    if (!judging || this.#check === undefined) return transport;
    try {
      await this.#check(transport.peerCertificates);
      return transport;
    } catch (error) {
      const refusal = KwikError.from(error, 'ERR_KWIK_CERTIFICATE');
      transport.close(refusal.wireNumber, refusal.message);
      throw refusal;
    }
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

async function judge(session: Session, check: ChainCheck | undefined): Promise<void> {
  if (check === undefined) return;
  try {
    await check(firstTransport(session)?.peerCertificates ?? []);
  } catch (error) {
    const refusal = KwikError.from(error, 'ERR_KWIK_CERTIFICATE');
    engineOf(session).fail(refusal);
    await session.closed;
    throw refusal;
  }
}

/** The time that the program gives, or else that in which a silent server is given up. `idle`: it is the latter. */
function timeLimit(timer: ContextTimedInput['timer'], maxIdleMs: number): { ms?: number; idle: boolean } {
  const ms = typeof timer === 'object' ? timer.getTimeout() : timer;
  const given = ms === undefined || ms === Infinity ? undefined : ms;
  const idle = maxIdleMs === 0 ? undefined : Math.max(maxIdleMs, MIN_IDLE_HANDSHAKE_MS);
  if (idle !== undefined && (given === undefined || idle < given)) return { ms: idle, idle: true };
  return given === undefined ? { idle: false } : { ms: given, idle: false };
}

/** Where the port is given, the client has a socket of its own. */
async function ownEndpoint({ localHost = '::', localPort = 0 }: QUICClientOptions): Promise<Endpoint | undefined> {
  if (localPort === 0) return undefined;
  try {
    return await Endpoint.bind({ host: localHost, port: localPort });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ErrorQUICClientInvalidArgument(message, { cause: error });
  }
}

function refuse({ socket, localHost, localPort, reuseAddr = false, ipv6Only = false }: QUICClientOptions): void {
  if (reuseAddr || ipv6Only) {
    throw new ErrorQUICClientInvalidArgument('reuseAddr and ipv6Only cannot be had over KWIK');
  }
  if (socket === undefined) return;
  if (socket.closed) throw new ErrorQUICClientSocketNotRunning();
  if (localHost !== undefined || localPort !== undefined) {
    throw new ErrorQUICClientInvalidArgument('socket cannot be set with localHost or localPort');
  }
}
