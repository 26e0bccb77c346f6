import { parseCheckpoint, verifyAuditLog, type AuditVerification } from '@kwik/trust';
import { readKey, readText } from '../audit/verify.js';
import { oneLine } from '../ui/text.js';
import { AuditTally } from './audit-tally.js';
import type { AuditEvidence, LogEvidence } from './evidence.js';

export interface AuditSources {
  /** Logs; full files beside them belong to them. */
  readonly audit: readonly string[];
  /** `name+id+key` or files with that, of whoever may have signed; none: each log's own is believed. */
  readonly auditKey: readonly string[];
  /** Files with checkpoints that were kept elsewhere, of any of the logs. */
  readonly checkpoint: readonly string[];
}

/** Verifies and counts the logs; null where none was given. Rejects where one cannot be read at all. */
export async function readAudits({ audit, auditKey, checkpoint }: AuditSources): Promise<AuditEvidence | null> {
  if (audit.length === 0) return null;
  const keys = new Set((await Promise.all(auditKey.map(readKey))).map(({ text }) => text));
  const kept = await Promise.all(checkpoint.map((file) => readText('--checkpoint', file)));
  const tally = new AuditTally();
  const logs: LogEvidence[] = [];
  for (const path of audit) {
    const { key } = await verifyAuditLog(path);
    const checkpoints = kept.filter((note) => parseCheckpoint(note).origin === nameOf(key));
    const verified = await verifyAuditLog(path, { checkpoints, onEntry: (entry) => tally.take(entry) });
    logs.push(logEvidence(path, verified, keys));
  }
  const strays = kept
    .map((note) => parseCheckpoint(note).origin)
    .filter((name) => !logs.some(({ key }) => nameOf(key ?? undefined) === name));
  return { logs: logs.map((log, at) => (at === 0 ? withStrays(log, strays) : log)), ...tally.evidence };
}

function nameOf(key: string | undefined): string | undefined {
  return key?.split('+')[0];
}

function logEvidence(path: string, verified: AuditVerification, keys: ReadonlySet<string>): LogEvidence {
  const { files, key, from, to, signed, firstAt, lastAt, closed, tornBytes } = verified;
  const faults = verified.faults.map(
    ({ file, line, text }) => `${file}${line === 0 ? '' : `:${line}`}: ${oneLine(text)}`,
  );
  const keyGiven = key !== undefined && keys.has(key);
  if (keys.size > 0 && !keyGiven)
    faults.push(`${path}: signed by ${key ?? 'nobody'}, which is none of the keys that were given`);
  return {
    path,
    files: files.length,
    key: key ?? null,
    keyGiven,
    from,
    to,
    signed,
    firstAt: firstAt ?? null,
    lastAt: lastAt ?? null,
    closed,
    tornBytes,
    faults,
  };
}

/** A checkpoint of another log proves nothing, and whoever gave it thinks that it does. */
function withStrays(log: LogEvidence, strays: readonly string[]): LogEvidence {
  const faults = strays.map((name) => `a checkpoint of ${oneLine(name)} was given, which is none of these logs`);
  return { ...log, faults: [...log.faults, ...faults] };
}
