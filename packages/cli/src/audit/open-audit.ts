import { hostname } from 'node:os';
import type { AuditLog } from '@kwik/trust';
import type { AuditSink } from '@kwik/wire';
import { usageError } from '../errors.js';

export interface AuditOptions {
  /** The file; undefined: no audit log. */
  readonly audit?: string;
  readonly auditKey?: string;
  readonly auditOrigin?: string;
  /** Clients are served on when the log cannot be written. */
  readonly auditMayFail?: boolean;
}

/** As signed notes take it for the name of a key. */
const ORIGIN = /^[^\s+]{1,256}$/u;

/** Throws a usage error for what says how a log is written where none is, and for a name that no log can have. */
export function checkAudit({ audit, auditKey, auditOrigin, auditMayFail }: AuditOptions): void {
  if (auditOrigin !== undefined && !ORIGIN.test(auditOrigin)) {
    throw usageError(
      `--audit-origin '${auditOrigin}': write a name without spaces or plus, such as example.org/server-1`,
    );
  }
  const given = {
    '--audit-key': auditKey,
    '--audit-origin': auditOrigin,
    '--audit-may-fail': auditMayFail === true ? auditMayFail : undefined,
  };
  const [alone] = Object.entries(given).find(([, value]) => value !== undefined) ?? [];
  if (audit === undefined && alone !== undefined)
    throw usageError(`${alone} needs --audit FILE: the log that it is for`);
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
