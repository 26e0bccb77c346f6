import { readFile } from 'node:fs/promises';
import { checkArgument, checkOptions, KwikError, optionRules } from '@kwik/wire';
import type { Hash } from '../merkle/hashes.js';
import { parseCheckpoint, type SignedCheckpoint } from '../notes/checkpoint.js';
import type { NoteKey } from '../notes/note-key.js';
import { signedBy } from '../notes/signed-note.js';
import { checkpointFile, logFiles } from './log-files.js';
import type { LogEntry } from './log-lines.js';
import { LogVerifier, type AuditFault } from './log-verifier.js';
import { readLines } from './read-lines.js';

export interface VerifyAuditOptions {
  /** Who must have signed. Default: the key that the log names, which shows changes by others than its writer only. */
  readonly key?: NoteKey;
  /** Checkpoints that were kept elsewhere: the log must contain them. */
  readonly checkpoints?: readonly string[];
  /** Each must have cosigned one of `checkpoints`. */
  readonly witnesses?: readonly NoteKey[];
  /** Shown each entry, with its hash: entries of one hash are one entry, in whatever copies of a log they stand. */
  readonly onEntry?: (entry: LogEntry, hash: Hash) => void;
}

const { call, filePath, group, list, text } = optionRules;
const aNoteKey = optionRules.value('a key, as parseNoteKey reads it', (given) => {
  const { name, publicKey } = (given ?? {}) as Partial<Record<keyof NoteKey, unknown>>;
  return typeof name === 'string' && optionRules.keyObject.accepts(publicKey);
});
const RULES = group<VerifyAuditOptions>({
  key: aNoteKey,
  checkpoints: list(text),
  witnesses: list(aNoteKey),
  onEntry: call,
});

/** What a log is worth. It is as it was written where `faults` is empty. */
export interface AuditVerification {
  readonly files: readonly string[];
  /** `name+id+key`; undefined where no file has a header. */
  readonly key: string | undefined;
  /** Whether the caller gave the key. */
  readonly keyGiven: boolean;
  /** Entries `from` up to and without `to` were read; `signed`: how far a valid checkpoint covers them. */
  readonly from: number;
  readonly to: number;
  readonly signed: number;
  readonly firstAt: string | undefined;
  readonly lastAt: string | undefined;
  /** Whether its writer closed it; else it is in use, or was interrupted, or its end is gone. */
  readonly closed: boolean;
  /** Bytes of a last line that was never finished. */
  readonly tornBytes: number;
  readonly checkpoint: string | undefined;
  readonly faults: readonly AuditFault[];
}

/**
 * Reads a log with all its full files, and beside it the checkpoint that its writer keeps. Rejects with ERR_KWIK_LOCAL_FILE
 * where it cannot be read, and with ERR_KWIK_INVALID_ARGUMENT for options that are wrong.
 */
export async function verifyAuditLog(path: string, options: VerifyAuditOptions = {}): Promise<AuditVerification> {
  checkArgument('verifyAuditLog', 'path', path, filePath);
  checkOptions(options, { call: 'verifyAuditLog', root: RULES });
  const files = await logFiles(path).catch((error: unknown) => unreadable(path, error));
  if (files.length === 0) throw new KwikError('ERR_KWIK_LOCAL_FILE', `there is no audit log ${path}`);
  const faults: AuditFault[] = [];
  const kept = keptCheckpoints(path, await besides(path), options, faults);
  const { verifier, ...seen } = await follow(files, options, kept).catch((error: unknown) => unreadable(path, error));
  if (verifier.signed === 0 && verifier.size > 0) faults.push({ file: path, line: 0, text: 'nothing of it is signed' });
  for (const { note, size } of kept) {
    if (verifier.key !== undefined && !signedBy(note, verifier.key)) {
      faults.push({
        file: path,
        line: 0,
        text: `a checkpoint of ${size} entries that was given is not signed by this log`,
      });
    }
  }
  return {
    files,
    key: verifier.key?.text,
    keyGiven: options.key !== undefined,
    from: verifier.from ?? 0,
    to: verifier.size,
    signed: verifier.signed,
    ...seen,
    checkpoint: verifier.checkpoint,
    faults: [...faults, ...verifier.faults],
  };
}

interface Seen {
  readonly verifier: LogVerifier;
  readonly firstAt: string | undefined;
  readonly lastAt: string | undefined;
  readonly closed: boolean;
  readonly tornBytes: number;
}

/** Reads files in their order. */
export async function follow(
  files: readonly string[],
  { key, onEntry }: VerifyAuditOptions,
  kept: readonly SignedCheckpoint[] = [],
): Promise<Seen> {
  const verifier = new LogVerifier(key, kept);
  let firstAt: string | undefined;
  let last: LogEntry | undefined;
  let tornBytes = 0;
  for (const file of files) {
    verifier.beginFile(file);
    for await (const { bytes, whole } of readLines(file)) {
      if (!whole && file === files.at(-1)) {
        tornBytes += bytes.length;
        continue;
      }
      const entry = verifier.take(bytes);
      if (entry === undefined) continue;
      firstAt ??= entry.at;
      last = entry;
      onEntry?.(entry, verifier.lastHash);
    }
  }
  verifier.finish();
  return { verifier, firstAt, lastAt: last?.at, closed: last?.kind === 'log-closed', tornBytes };
}

function keptCheckpoints(
  path: string,
  own: string | undefined,
  { checkpoints = [], witnesses = [] }: VerifyAuditOptions,
  faults: AuditFault[],
): SignedCheckpoint[] {
  const kept: SignedCheckpoint[] = [];
  for (const text of [...checkpoints, ...(own === undefined ? [] : [own])]) {
    try {
      kept.push(parseCheckpoint(text));
    } catch (error) {
      faults.push({ file: path, line: 0, text: `a checkpoint cannot be read: ${KwikError.from(error).message}` });
    }
  }
  for (const witness of witnesses) {
    if (kept.some(({ note }) => signedBy(note, witness))) continue;
    faults.push({ file: path, line: 0, text: `no checkpoint is cosigned by ${witness.name}` });
  }
  return kept;
}

async function besides(path: string): Promise<string | undefined> {
  try {
    return await readFile(checkpointFile(path), 'utf8');
  } catch {
    return undefined;
  }
}

function unreadable(path: string, error: unknown): never {
  if (error instanceof KwikError) throw error;
  const reason = error instanceof Error ? error.message : String(error);
  throw new KwikError('ERR_KWIK_LOCAL_FILE', `cannot read the audit log ${path}: ${reason}`, { cause: error });
}
