import { ClientHandshake, type ClientHandshakeOptions, type SessionKeys } from '@kwik/kcp';
import type { Clock, PathTransport } from '@kwik/wire';
import type { PathPort } from '../runtime/paths/path-port.js';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';
import { shakeHands } from './client-handshake.js';
import type { Connector } from './connector.js';
import type { SessionDials } from './dials/session-dials.js';
import { leftMs, reachAgain } from './reach.js';
import { type PrimaryReach, type ReachedPrimary, throughRelay } from './relays/reach-primary.js';
import type { RelayedPaths } from './relays/relayed-paths.js';
import type { RelaySessions } from './relays/relay-sessions.js';

const NO_TOKEN = new Uint8Array(0);

export interface ConnectAgainOptions {
  readonly keys: SessionKeys;
  readonly connector: Connector;
  readonly clock: Clock;
  readonly dials: Pick<SessionDials, 'run' | 'settled'>;
  readonly relays: RelaySessions;
  /** How the primary is reached by way of the client's relays. */
  readonly reaching: Omit<PrimaryReach, 'direct'>;
  readonly hello: (transport: PathTransport) => Omit<ClientHandshakeOptions, 'purpose'>;
}

/**
 * Another connection for a path that lives: made as the one that it has, from the same socket to the same address, and taken
 * by the server for the proof that the client holds the session. A primary proves the same, so it may have a certificate
 * with another key by then; another server must have the key of before.
 */
export async function connectAgain(
  { keys, clock, hello, ...how }: ConnectAgainOptions,
  path: PathRuntime,
  relayed: RelayedPaths,
  timeoutMs: number,
): Promise<PathPort> {
  const endMs = clock.now() + timeoutMs;
  const known = relayed.reachAgain(path.id, timeoutMs);
  const { transport, release } = await (known ?? reachPath({ ...how, keys, clock }, path, timeoutMs));
  const { id: pathId, address, primary } = path;
  const renews = primary ? 'primary' : 'secondary';
  const purpose = { kind: 'join', keys, pathId, token: NO_TOKEN, audience: '', renews } as const;
  const handshake = new ClientHandshake({ purpose, ...hello(transport) });
  const options = { timeoutMs: leftMs(endMs, clock), address, onClosed: release };
  const { port } = await shakeHands(transport, handshake, clock, options);
  how.dials.settled(address);
  return port;
}

async function reachPath(
  { connector, clock, dials, relays, reaching, keys }: Omit<ConnectAgainOptions, 'hello'>,
  { address, via, primary, port: { transport } }: PathRuntime,
  timeoutMs: number,
): Promise<Pick<ReachedPrimary, 'transport' | 'release'>> {
  // A session that was opened by way of a relay has its first path there.
  const choice = relays.choices.find(({ address }) => address === via);
  const { sessionId } = keys;
  if (choice !== undefined) return throughRelay(reaching, choice, { timeoutMs });
  const untilMs = clock.now() + timeoutMs;
  const again = { sessionId, anyKey: primary };
  const made = dials.run({ address, untilMs }, () =>
    reachAgain(connector, transport, { timeoutMs: leftMs(untilMs, clock), ...again }, clock),
  );
  return { transport: await made };
}
