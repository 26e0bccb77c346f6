import type { ServerHandshakeResult, VerifiedPathToken } from '@kwik/kcp';
import type { AuditEvent, PathTransport } from '@kwik/wire';
import { formatAddress } from '../client/target.js';
import type { AuditedSession } from '../runtime/features/auditing.js';

/** The primary that began the session, as it called itself, where that is another server. */
export function takenFromOf({ taken }: Pick<ServerHandshakeResult, 'taken'>): string | undefined {
  return taken?.ticket.primary;
}

/** What is written down of the beginning of a session at a server. */
export function auditedSession(result: ServerHandshakeResult, role: 'primary' | 'secondary'): AuditedSession {
  const { sessionId, identity, mechanism, agent } = result;
  const takenFrom = takenFromOf(result);
  return {
    role,
    sessionId,
    ...(identity !== undefined && { identity }),
    facts: { agent, ...(mechanism !== undefined && { mechanism }), ...(takenFrom !== undefined && { takenFrom }) },
  };
}

export function tokenAccepted(token: VerifiedPathToken, peer: string): AuditEvent {
  const { sessionId, pathId, tokenId, signer, expiresMs } = token;
  const facts = { token: hex(tokenId), signer: hex(signer), expires: new Date(expiresMs).toISOString() };
  return { kind: 'token-accepted', sessionId, pathId, peer, facts };
}

/** `host:port` of the other end. */
export function addressOf({ remote }: PathTransport): string {
  return formatAddress(remote.address, remote.port);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
