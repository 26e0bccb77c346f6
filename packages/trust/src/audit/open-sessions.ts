import type { AuditEvent } from '@kwik/wire';

/** Of one process; more than a listener takes. */
const MAX_SESSIONS = 16_384;

type Role = AuditEvent['role'];

/** The sessions of one process that have begun, and not ended, as far as it said. */
export class OpenSessions {
  readonly #max: number;
  readonly #open = new Map<string, { readonly sessionId: string; readonly role: Role }>();
  /** Beyond the bound: only how many. */
  #uncounted = 0;

  constructor(max = MAX_SESSIONS) {
    this.#max = max;
  }

  take({ kind, sessionId, role }: AuditEvent): void {
    if (sessionId === undefined) return;
    const key = `${role ?? ''} ${sessionId}`;
    if (kind === 'session-opened') {
      if (this.#open.size < this.#max) this.#open.set(key, { sessionId, role });
      else this.#uncounted++;
    } else if (kind === 'session-closed' && !this.#open.delete(key)) this.#uncounted = Math.max(0, this.#uncounted - 1);
  }

  /** The process is gone: an end for each, and for how many more there is none. */
  end(): { readonly events: AuditEvent[]; readonly uncounted: number } {
    const events = [...this.#open.values()].map(
      ({ sessionId, role }): AuditEvent => ({
        kind: 'session-closed',
        ...(role !== undefined && { role }),
        sessionId,
        code: 'ERR_KWIK_PATH_DEAD',
        detail: 'the process that had the session is gone, and did not say how it ended',
        facts: { by: 'process' },
      }),
    );
    return { events, uncounted: this.#uncounted };
  }
}
