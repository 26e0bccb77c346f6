import { hostname } from 'node:os';
import type { AuditLog } from '@kwik/trust';
import type { AuditSink } from '@kwik/wire';

export interface AuditOptions {
  /** The file; undefined: no audit log. */
  readonly audit?: string;
  readonly auditKey?: string;
  readonly auditOrigin?: string;
  /** Clients are served on when the log cannot be written. */
  readonly auditMayFail?: boolean;
}

/** A log that this process writes, or has another one write. */
export interface ClosableAudit extends AuditSink {
  /** Rejects with ERR_KWIK_LOCAL_FILE when not all that was recorded is written. */
  close(): Promise<void>;
}

/** The audit log of a server, when it is to keep one. Rejects with ERR_KWIK_LOCAL_FILE or ERR_KWIK_CREDENTIALS. */
export async function openAudit(options: AuditOptions): Promise<AuditLog | undefined> {
  const { audit: path } = options;
  if (path === undefined) return undefined;
  const { AuditLog, auditKey } = await import('@kwik/trust');
  return AuditLog.open({
    path,
    key: await auditKey(options.auditKey ?? `${path}.key`),
    origin: options.auditOrigin ?? `kwik/${hostname().replace(/[^\w.-]/gu, '-')}`,
    onFailure: options.auditMayFail === true ? 'continue' : 'stop',
  });
}
