import { realpath } from 'node:fs/promises';
import {
  identifyAuditLog,
  parseCheckpoint,
  verifyAuditLog,
  type AuditLogIdentity,
  type AuditVerification,
  type LogEntry,
} from '@kwik/trust';
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

interface Given extends AuditLogIdentity {
  readonly path: string;
}

/**
 * Verifies and counts the logs, each once however often it was given; null where none was. Rejects where one cannot be read at
 * all.
 */
export async function readAudits({ audit, auditKey, checkpoint }: AuditSources): Promise<AuditEvidence | null> {
  if (audit.length === 0) return null;
  const keys = new Set((await Promise.all(auditKey.map(readKey))).map(({ text }) => text));
  const kept = await Promise.all(checkpoint.map((file) => readText('--checkpoint', file)));
  const given = await identified(audit);
  const tally = new AuditTally();
  const logs: LogEvidence[] = [];
  for (const log of given) {
    const checkpoints = kept.filter((note) => parseCheckpoint(note).origin === nameOf(log.key));
    const original = originalOf(log, given);
    const onEntry = original === undefined ? { onEntry: (entry: LogEntry) => tally.take(entry) } : {};
    const verified = await verifyAuditLog(log.path, { checkpoints, ...onEntry });
    logs.push(logEvidence(log.path, verified, keys, original));
  }
  const strays = kept
    .map((note) => parseCheckpoint(note).origin)
    .filter((name) => !logs.some(({ key }) => nameOf(key ?? undefined) === name));
  return { logs: logs.map((log, at) => (at === 0 ? withStrays(log, strays) : log)), ...tally.evidence };
}

/** Without those that are the same file. */
async function identified(paths: readonly string[]): Promise<Given[]> {
  const byFile = new Map<string, Given>();
  for (const path of paths) {
    const identity = await identifyAuditLog(path);
    // A log of which only full files are left has no file of its own name.
    const file = await realpath(path).catch(() => path);
    if (!byFile.has(file)) byFile.set(file, { path, ...identity });
  }
  return [...byFile.values()];
}

/** The longest of the logs that begin as this one does, the first of them; undefined: this one is that. */
function originalOf(log: Given, given: readonly Given[]): string | undefined {
  if (log.start === undefined) return undefined;
  const [longest] = given.filter(({ start }) => start === log.start).sort((a, b) => b.bytes - a.bytes);
  return longest === undefined || longest === log ? undefined : longest.path;
}

function nameOf(key: string | undefined): string | undefined {
  return key?.split('+')[0];
}

function logEvidence(
  path: string,
  verified: AuditVerification,
  keys: ReadonlySet<string>,
  copyOf: string | undefined,
): LogEvidence {
  const { files, key, from, to, signed, firstAt, lastAt, closed, tornBytes } = verified;
  const faults = verified.faults.map(
    ({ file, line, text }) => `${file}${line === 0 ? '' : `:${line}`}: ${oneLine(text)}`,
  );
  const keyGiven = key !== undefined && keys.has(key);
  if (keys.size > 0 && !keyGiven)
    faults.push(`${path}: signed by ${key ?? 'nobody'}, which is none of the keys that were given`);
  return {
    path,
    copyOf: copyOf ?? null,
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
