import { ClientHandshake, type ClientHandshakeOptions, type ClientHandshakeResult, type SessionKeys } from '@kwik/kcp';
import { KwikError, toPathId, type Clock, type PathTransport, type proto, type SessionId } from '@kwik/wire';
import type { PathPort } from '../runtime/paths/path-port.js';
import { shakeHands } from './client-handshake.js';
import type { CommandedDial } from './commanded/commanded-dials.js';
import type { NamedServers, ReachedServer } from './commanded/named-servers.js';
import type { OpeningPath } from './opening-path.js';
import { isOfConnection, isOfEarly } from './open-primary.js';
import { leftMs } from './reach.js';

export interface JoiningServer {
  readonly named: NamedServers;
  readonly clock: Clock;
  readonly session: { readonly sessionId: SessionId; readonly keys: SessionKeys };
  /** The hello may go with the first packet: its token works once, whoever sends it, and what is asked with it is read alone. */
  readonly mayBeEarly: boolean;
  readonly hello: (transport: PathTransport) => Omit<ClientHandshakeOptions, 'purpose'>;
  /** The server is reached, and has been asked. */
  readonly onOpening: (path: OpeningPath) => void;
}

interface JoinedServer {
  readonly port: PathPort;
  readonly result: ClientHandshakeResult;
}

/** A path to a server that the primary names. A connection that breaks off over early data is made once more without. */
export async function joinServer(
  joining: JoiningServer,
  command: proto.AddPath,
  dial: CommandedDial,
): Promise<JoinedServer> {
  const { named, session, mayBeEarly } = joining;
  const reached = await named.reach(command, dial, session.sessionId, mayBeEarly);
  try {
    return await joinOver(joining, command, dial, reached);
  } catch (error) {
    if (!isOfEarly(reached.transport, error)) throw error;
  }
  return joinOver(joining, command, dial, await named.reach(command, dial, session.sessionId));
}

async function joinOver(
  { clock, session, hello, onOpening }: JoiningServer,
  command: proto.AddPath,
  dial: CommandedDial,
  { transport, resolved, endMs, settled }: ReachedServer,
): Promise<JoinedServer> {
  const pathId = toPathId(command.pathId);
  const { keys } = session;
  const handshake = new ClientHandshake({
    purpose: { kind: 'join', keys, pathId, token: command.token, audience: command.address },
    ...hello(transport),
  });
  try {
    const joined = await shakeHands(transport, handshake, clock, {
      timeoutMs: leftMs(endMs, clock),
      address: resolved,
      onHello: (send) => onOpening({ id: pathId, rttMs: transport.stats().rttMs, send }),
    });
    dial.joined(transport.remote);
    settled();
    return joined;
  } catch (error) {
    // What the server itself says is no news of a network.
    if (transport.answered !== undefined && !isOfConnection(error) && !isTimeout(error)) dial.reached();
    throw error;
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof KwikError && error.code === 'ERR_KWIK_TIMEOUT';
}
