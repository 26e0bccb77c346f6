import { ClientHandshake, type ClientHandshakeOptions, type ClientHandshakeResult, type SessionKeys } from '@kwik/kcp';
import { PRIMARY_PATH_ID, proto, type Clock, type PathTransport } from '@kwik/wire';
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

/** Goes to the server that the primary named, shows it the sealed session, and proves that the session is the client's. */
export async function joinStandby(
  { clock, keys, named, hello }: StandbyDialOptions,
  standby: proto.Standby,
  takeover: proto.Takeover,
  dial: CommandedDial,
): Promise<JoinedStandby> {
  const server = { ...standby, pin: NOTHING, capabilities: AS_PRIMARY };
  const { transport, endMs, settled } = await named.reach(server, dial, keys.sessionId);
  const purpose = { kind: 'join', keys, pathId: PRIMARY_PATH_ID, token: NOTHING, audience: '', takeover } as const;
  const handshake = new ClientHandshake({ purpose, ...hello(transport) });
  const options = { timeoutMs: leftMs(endMs, clock), address: standby.address };
  const { port, result } = await shakeHands(transport, handshake, clock, options);
  dial.joined(transport.remote);
  settled();
  const address = formatAddress(transport.remote.address, transport.remote.port);
  const serverName = standby.serverName === '' ? parseTarget(standby.address).host : standby.serverName;
  return { port, result, address, serverName };
}
