import type { AuditEvent } from '@kwik/wire';
import type { CloseInfo } from '../../api/session.js';
import type { AuditTrail } from '../host/audit-trail.js';
import { isMisconduct } from '../paths/deaths.js';
import type { PathRuntime } from '../paths/path-runtime.js';
import type { Feature } from './feature.js';

type AuditedPath = Pick<PathRuntime, 'id' | 'address' | 'death' | 'closedByPeer'>;

/** Who the session is with, and what is to be known of how it began. */
export type AuditedSession = Pick<AuditEvent, 'role' | 'sessionId' | 'identity' | 'facts'>;

/** Writes down the life of a session: its beginning, its paths, what its peers did wrong, its end. */
export class Auditing implements Feature {
  readonly #trail: AuditTrail;
  readonly #session: AuditedSession;
  #opened = false;

  constructor(trail: AuditTrail, session: AuditedSession) {
    this.#trail = trail;
    this.#session = session;
  }

  onPathUp(path: AuditedPath): void {
    if (this.#opened) {
      this.#trail.record({ ...this.#of(path), kind: 'path-joined' });
      return;
    }
    this.#opened = true;
    this.#trail.record({ ...this.#session, ...this.#of(path), kind: 'session-opened' });
  }

  onPathDead(path: AuditedPath): void {
    const { death, closedByPeer } = path;
    const why = death === undefined ? {} : { code: death.code, detail: death.message };
    // What a peer says of this end in its last word is the peer's opinion.
    if (!closedByPeer && isMisconduct(death?.code)) this.#trail.violation({ ...this.#of(path), ...why });
    else this.#trail.record({ ...this.#of(path), ...why, kind: 'path-lost' });
  }

  onEnd({ by, code, reason, error }: CloseInfo): void {
    const { role, sessionId } = this.#session;
    this.#trail.record({
      kind: 'session-closed',
      ...(role !== undefined && { role }),
      ...(sessionId !== undefined && { sessionId }),
      ...(error !== undefined && { code: error.code }),
      ...(reason !== '' && { detail: reason }),
      facts: { by, close: code },
    });
  }

  #of({ id, address }: AuditedPath): Omit<AuditEvent, 'kind'> {
    const { role, sessionId } = this.#session;
    return {
      ...(role !== undefined && { role }),
      ...(sessionId !== undefined && { sessionId }),
      pathId: id,
      peer: address,
    };
  }
}
