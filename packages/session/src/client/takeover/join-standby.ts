import { ClientHandshake, type ClientHandshakeOptions, type ClientHandshakeResult, type SessionKeys } from '@kwik/kcp';
import { KwikError, PRIMARY_PATH_ID, proto, type Clock, type PathTransport } from '@kwik/wire';
import { closeOf } from '../../runtime/control/close-message.js';
import type { PathPort } from '../../runtime/paths/path-port.js';
import { shakeHands } from '../client-handshake.js';
import type { CommandedDial } from '../commanded/commanded-dials.js';
import type { NamedServers } from '../commanded/named-servers.js';
import { leftMs } from '../reach.js';
import { formatAddress, parseTarget } from '../target.js';

const NOTHING = new Uint8Array(0);
/** All that a primary does: a server that is trusted with less is not reached. */
const AS_PRIMARY = [proto.Capability.CONTRIBUTE];

export interface StandbyDialOptions {
  readonly clock: Clock;
  readonly keys: SessionKeys;
  readonly named: NamedServers;
  readonly hello: (transport: PathTransport) => Omit<ClientHandshakeOptions, 'purpose'>;
}

/** A server that has proved that it holds the session, and took it over. */
export interface JoinedStandby {
  readonly port: PathPort;
  readonly result: ClientHandshakeResult;
  /** Numeric, `host:port`: what was judged when it was dialled. */
  readonly address: string;
  /** That its certificate has. */
  readonly serverName: string;
}

/** What the client brings to a standby. */
export interface StandbyAttempt {
  readonly standby: proto.Standby;
  readonly state: proto.Takeover;
  /** The session has ended meanwhile. */
  readonly signal: AbortSignal;
}

/** Goes to the server that the primary named, shows it the sealed session, and proves that the session is the client's. */
export async function joinStandby(
  { clock, keys, named, hello }: StandbyDialOptions,
  { standby, state: takeover, signal }: StandbyAttempt,
  dial: CommandedDial,
): Promise<JoinedStandby> {
  const server = { ...standby, pin: NOTHING, capabilities: AS_PRIMARY };
  const { transport, endMs, settled } = await named.reach(server, dial, keys.sessionId);
  const purpose = { kind: 'join', keys, pathId: PRIMARY_PATH_ID, token: NOTHING, audience: '', takeover } as const;
  const handshake = new ClientHandshake({ purpose, ...hello(transport) });
  // A server whose answer is not waited for may have begun the session: by this code it ends it, and takes the ticket again.
  const timeoutCode = 'ERR_KWIK_ABORTED';
  const options = { timeoutMs: leftMs(endMs, clock), timeoutCode, signal, address: standby.address } as const;
  const { port, result } = await shakeHands(transport, handshake, clock, options);
  dial.joined(transport.remote);
  settled();
  const address = formatAddress(transport.remote.address, transport.remote.port);
  const serverName = standby.serverName === '' ? parseTarget(standby.address).host : standby.serverName;
  return { port, result, address, serverName };
}

/** The client stays with the primary that it had: the session that this server has begun ends there at once. */
export function partFrom({ port }: JoinedStandby, now: number): void {
  const error = new KwikError('ERR_KWIK_ABORTED', 'the client goes back on it: the session does not go on here');
  port.control?.channel.send(closeOf({ by: 'local', code: error.wireNumber, reason: error.message, error }), now);
  // Also where that is lost.
  port.close(error.wireNumber, error.message);
}
