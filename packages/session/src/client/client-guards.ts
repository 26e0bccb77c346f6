import type { KwikError, PathTransport, proto } from '@kwik/wire';
import type { GuardOptions, PathRefusal } from '../api/options.js';
import { Auditing } from '../runtime/features/auditing.js';
import type { Feature } from '../runtime/features/feature.js';
import { AccessGate } from '../runtime/host/access-gate.js';
import { ServerGuard } from '../runtime/host/server-guard.js';
import type { SessionHost } from '../runtime/host/session-host.js';
import { closeOnThrow } from '../runtime/paths/close-on-throw.js';
import { ConductReports, keyPin } from './server-conduct.js';

type WantedServer = Pick<proto.AddPath, 'address' | 'capabilities'>;

/** Who watches over a client: its audit log, its access control, and what is known of servers. */
export class ClientGuards {
  readonly access: AccessGate;
  readonly #servers: ServerGuard;
  readonly #host: SessionHost;

  constructor(host: SessionHost, guard: GuardOptions = {}) {
    this.#host = host;
    this.access = new AccessGate(guard.access, host, Date.now);
    this.#servers = new ServerGuard(guard.servers, host, Date.now);
  }

  /** Throws ERR_KWIK_CONNECTION_REFUSED while nothing may be begun. */
  requireWritable(): void {
    this.#host.audit.requireWritable();
  }

  /** For the session that was opened. `primaryPin`: of the primary's key. */
  features(sessionId: string, primaryPin: string | undefined): Feature[] {
    const facts = primaryPin === undefined ? {} : { pin: primaryPin };
    return [new Auditing(this.#host.audit, { role: 'client', sessionId, facts }), new ConductReports(this.#servers)];
  }

  /** Before a server is connected. Throws ERR_KWIK_PERMISSION_DENIED. */
  requireServer({ address, capabilities }: WantedServer): void {
    this.#servers.require({ address }, capabilities);
  }

  /** When its key is known; the connection is closed when it throws. */
  requireConnected({ address, capabilities }: WantedServer, transport: PathTransport): void {
    closeOnThrow(transport, () => this.#servers.require({ address, pin: keyPin(transport) }, capabilities));
  }

  /** A server that the primary named was not reached, or refused. */
  refused({ address, error }: PathRefusal): void {
    if (isAbsence(error)) this.#servers.observe({ address }, 'unreachable');
    this.#host.audit.refused({ role: 'client', peer: address, code: error.code, detail: error.message });
  }
}

/** Nobody answered there who could be asked. */
function isAbsence({ code }: KwikError): boolean {
  return code === 'ERR_KWIK_CONNECT_FAILED' || code === 'ERR_KWIK_TIMEOUT' || code === 'ERR_KWIK_CONNECTION_REFUSED';
}
