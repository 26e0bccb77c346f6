import { realpath } from 'node:fs/promises';
import {
  identifyAuditLog,
  parseCheckpoint,
  verifyAuditLog,
  type AuditLogIdentity,
  type AuditVerification,
  type Hash,
  type LogEntry,
} from '@kwik/trust';
import { readKey, readText } from '../audit/verify.js';
import { oneLine } from '../ui/text.js';
import { AuditTally } from './audit-tally.js';
import type { AuditEvidence, LogEvidence } from './evidence.js';
import { SeenEntries } from './seen-entries.js';

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
 * Verifies the logs, and counts each of their entries once, in however many copies of a log it stands; null where no log was given.
 * Rejects where one cannot be read at all.
 */
export async function readAudits({ audit, auditKey, checkpoint }: AuditSources): Promise<AuditEvidence | null> {
  if (audit.length === 0) return null;
  const keys = new Set((await Promise.all(auditKey.map(readKey))).map(({ text }) => text));
  const kept = await Promise.all(checkpoint.map((file) => readText('--checkpoint', file)));
  const given = await identified(audit);
  const copies = new Map<string, SeenEntries>();
  const tally = new AuditTally();
  const logs: LogEvidence[] = [];
  for (const log of given) {
    const checkpoints = kept.filter((note) => parseCheckpoint(note).origin === nameOf(log.key));
    const seen = seenBy(log, given, copies);
    let repeated = 0;
    const onEntry = (entry: LogEntry, hash: Hash): void => {
      if (seen?.add(hash) === false) repeated++;
      else tally.take(entry);
    };
    const verified = await verifyAuditLog(log.path, { checkpoints, onEntry });
    logs.push(logEvidence(log.path, verified, keys, repeated));
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

/** What was counted of the logs of one signer; undefined where only one was given. They may be copies that begin anywhere. */
function seenBy({ key }: Given, given: readonly Given[], copies: Map<string, SeenEntries>): SeenEntries | undefined {
  if (key === undefined || given.filter((one) => one.key === key).length < 2) return undefined;
  const seen = copies.get(key) ?? new SeenEntries();
  copies.set(key, seen);
  return seen;
}

function nameOf(key: string | undefined): string | undefined {
  return key?.split('+')[0];
}

function logEvidence(
  path: string,
  verified: AuditVerification,
  keys: ReadonlySet<string>,
  repeated: number,
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
    repeated,
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
