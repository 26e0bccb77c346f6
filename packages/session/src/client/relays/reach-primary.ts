import { raceAttempts } from '@kwik/quic';
import type { Clock, PathTransport } from '@kwik/wire';
import type { RelayChoice } from '../../api/relays.js';
import type { ConnectOptions, Connector } from '../connector.js';
import { leftMs } from '../reach.js';
import { reachThrough, type ReachedThrough } from './reach-through.js';
import type { RelaySessions } from './relay-sessions.js';

/** How long the primary is dialled directly alone, and by way of one relay before the next is tried. */
const DIRECT_ALONE_MS = 1500;
const RELAY_ALONE_MS = 1000;
const DIRECTLY = 'directly';

export interface ReachedPrimary {
  readonly transport: PathTransport;
  /** The relay by way of which, `host:port`. */
  readonly via?: string;
  /** To be called when the connection is closed. */
  readonly release?: () => void;
}

export interface PrimaryReach {
  readonly connector: Connector;
  readonly sessions: RelaySessions;
  /** The primary, `host:port`, as relays are told of it. */
  readonly anchor: string;
  /** The name that its certificate must have. */
  readonly serverName: string;
  readonly clock: Clock;
  readonly randomBytes: (bytes: number) => Uint8Array;
  direct(options: ConnectOptions): Promise<PathTransport>;
}

/**
 * A connection to the primary: directly, and by way of the client's relays when that takes long or fails. The first that is
 * through is taken. Rejects with what became of the direct dial.
 */
export async function reachPrimary(reach: PrimaryReach, options: ConnectOptions): Promise<ReachedPrimary> {
  const { choices } = reach.sessions;
  if (choices.length === 0) return { transport: await reach.direct(options) };
  const candidates: readonly (RelayChoice | typeof DIRECTLY)[] = [DIRECTLY, ...choices];
  const endMs = reach.clock.now() + options.timeoutMs;
  return raceAttempts<RelayChoice | typeof DIRECTLY, ReachedPrimary>({
    candidates,
    clock: reach.clock,
    signal: options.signal,
    delayMs: (started) => (started === 1 ? DIRECT_ALONE_MS : RELAY_ALONE_MS),
    attempt: async (choice, signal) => {
      const attempt = { ...options, signal, timeoutMs: leftMs(endMs, reach.clock) };
      if (choice === DIRECTLY) return { transport: await reach.direct(attempt) };
      return { ...(await throughRelay(reach, choice, attempt)), via: choice.address };
    },
    discard: ({ transport, release }) => {
      transport.close(0, 'another attempt was faster');
      release?.();
    },
    verdict: (error, failures) => {
      if (error.code === 'ERR_KWIK_ABORTED') return error;
      return failures.size === candidates.length ? (failures.get(DIRECTLY) ?? error) : undefined;
    },
  });
}

/** By way of this relay of the client's own, whatever path that is for. */
export async function throughRelay(
  { connector, sessions, anchor, serverName, clock, randomBytes }: Omit<PrimaryReach, 'direct'>,
  choice: RelayChoice,
  options: ConnectOptions,
): Promise<ReachedThrough> {
  const { link } = await sessions.get(choice);
  return reachThrough(connector, link, { ...options, serverName, anchor, randomBytes }, clock);
}
