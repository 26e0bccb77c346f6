import type { KcpBody } from '@kwik/kcp';
import { KwikError } from '@kwik/wire';
import type { PathRuntime } from '../runtime/paths/path-runtime.js';

type Kind = KcpBody['$case'];

/**
 * Who may send a client which control message, once a path is established; a message without a row does not compile.
 * `primary`: only the primary. `server`: any server of the session, of its own path alone. `nobody`: only clients send it,
 * or it belongs to the handshake.
 */
export const SENDERS: Readonly<Record<Kind, 'primary' | 'server' | 'nobody'>> = {
  addPath: 'primary',
  removePath: 'primary',
  listPaths: 'primary',
  streamOpened: 'primary',
  contributionGrant: 'primary',
  contentStart: 'primary',
  contentDigests: 'primary',
  contentEnd: 'primary',
  scaleRequest: 'primary',
  serverQuery: 'primary',

  // It refuses what it was asked for itself.
  rangeRefused: 'server',
  // The relay asks for the capability.
  rawPacket: 'server',
  // Of its own path; the primary's ends the session.
  close: 'server',
  error: 'server',
  ping: 'server',
  // Answers, which the control channel holds against what was asked.
  pong: 'server',
  rawPacketResult: 'server',
  addPathResult: 'server',
  removePathResult: 'server',
  contributionGrantResult: 'server',
  pathList: 'server',
  serverList: 'server',
  scaleResult: 'server',
  pathDead: 'server',
  // Notices that nothing here acts upon.
  healthReport: 'server',
  serverAnnouncement: 'server',
  capacityReport: 'server',
  keyUpdate: 'server',

  clientHello: 'nobody',
  serverHello: 'nobody',
  authChallenge: 'nobody',
  authResponse: 'nobody',
  rangeRequest: 'nobody',
  rangeCancel: 'nobody',
  contentProgress: 'nobody',
  serverUntrusted: 'nobody',
  pathStatus: 'nobody',
};

/** The path over which a message came, as far as it matters here. */
type Speaker = Pick<PathRuntime, 'primary' | 'id' | 'address'>;

/** Throws, which ends the path, when its server sends what is not its to send. */
export function requireSender({ primary, id, address }: Speaker, kind: Kind): void {
  const sender = SENDERS[kind];
  if (sender === 'server' || (sender === 'primary' && primary)) return;
  const may = sender === 'primary' ? 'only the primary sends a client' : 'no server sends a client';
  throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `${may} ${kind}, and ${address} sent one on path ${id}`);
}
