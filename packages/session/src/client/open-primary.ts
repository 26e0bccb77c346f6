import { ClientHandshake, type ClientHandshakeOptions, type ClientHandshakeResult } from '@kwik/kcp';
import { KwikError, type Clock, type PathTransport } from '@kwik/wire';
import type { PathPort } from '../runtime/paths/path-port.js';
import { shakeHands } from './client-handshake.js';
import type { ConnectOptions } from './connector.js';
import type { CheckedEarly } from './early-stream.js';
import { leftMs } from './reach.js';
import type { ReachedPrimary } from './relays/reach-primary.js';

/** An answer to a hello may hold what an authenticator asks elsewhere. */
const HELLO_PATIENCE_MS = 3000;
const HELLO_PATIENCE_RTTS = 4;

export interface PrimaryOpening {
  /** Of the primary, for messages. */
  readonly address: string;
  /** For all of it, milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  /** What the first stream begins with; the same each time. */
  early(): CheckedEarly | undefined;
  reach(options: Pick<ConnectOptions, 'timeoutMs' | 'earlyData'>): Promise<ReachedPrimary>;
  hello(transport: PathTransport): Omit<ClientHandshakeOptions, 'purpose'>;
}

export interface OpenedPrimary {
  readonly port: PathPort;
  readonly result: ClientHandshakeResult;
  readonly via: string | undefined;
}

/**
 * Connects and says hello. A hello that stays unanswered is said again on a fresh connection, after a wait that doubles,
 * for QUIC's own waits grow with each loss; the server ends what it may have opened for the one before.
 */
export async function openPrimary(opening: PrimaryOpening): Promise<OpenedPrimary> {
  const { address, timeoutMs, clock, signal } = opening;
  const endMs = clock.now() + timeoutMs;
  let mayBeEarly = opening.early()?.repeatable === true;
  for (let patienceMs = HELLO_PATIENCE_MS; ; patienceMs *= 2) {
    const { transport, via, release } = await opening.reach({ timeoutMs: leftMs(endMs, clock), earlyData: mayBeEarly });
    mayBeEarly = false;
    const handshake = new ClientHandshake({
      purpose: { kind: 'open', early: opening.early()?.hello },
      ...opening.hello(transport),
    });
    const ownMs = Math.max(patienceMs, HELLO_PATIENCE_RTTS * transport.stats().rttMs);
    const options = { timeoutMs: Math.min(ownMs, leftMs(endMs, clock)), signal, address };
    try {
      const how = { ...options, onClosed: release, timeoutCode: 'ERR_KWIK_ABORTED' } as const;
      return { ...(await shakeHands(transport, handshake, clock, how)), via };
    } catch (error) {
      if (isOfEarly(transport, error)) continue;
      if (!isTimeout(error)) throw error;
      if (clock.now() < endMs) continue;
      throw new KwikError('ERR_KWIK_TIMEOUT', `${address} did not answer the KWIK handshake in ${timeoutMs} ms`);
    }
  }
}

/**
 * The handshake of the session failed over a connection with early data, and in a way that one without may disprove: the server may
 * have been renewed since.
 */
export function isOfEarly({ answered }: Pick<PathTransport, 'answered'>, error: unknown): boolean {
  return answered !== undefined && isOfConnection(error);
}

/** It says nothing of the session. */
export function isOfConnection(error: unknown): boolean {
  const codes: readonly string[] = ['ERR_KWIK_CONNECT_FAILED', 'ERR_KWIK_CERTIFICATE', 'ERR_KWIK_PROTOCOL_VIOLATION'];
  return error instanceof KwikError && codes.includes(error.code);
}

function isTimeout(error: unknown): boolean {
  return error instanceof KwikError && error.code === 'ERR_KWIK_TIMEOUT';
}
