import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { checkArgument, KwikError, optionRules } from '@kwik/wire';
import { logFiles } from './log-files.js';
import { parseLine } from './log-lines.js';
import { readLines } from './read-lines.js';

/** Which log files are, before anything in them is verified. */
export interface AuditLogIdentity {
  /** `name+id+key`, as the log itself says; undefined where it has no header. */
  readonly key: string | undefined;
  /** The same of two copies of one log; undefined where it has no entry yet. */
  readonly start: string | undefined;
  /** Of all its files. */
  readonly bytes: number;
}

/** Reads the first two lines of a log. Rejects with ERR_KWIK_LOCAL_FILE where it cannot be read. */
export async function identifyAuditLog(path: string): Promise<AuditLogIdentity> {
  checkArgument('identifyAuditLog', 'path', path, optionRules.filePath);
  try {
    const files = await logFiles(path);
    const [first] = files;
    if (first === undefined) throw new KwikError('ERR_KWIK_LOCAL_FILE', `there is no audit log ${path}`);
    const lines: Buffer[] = [];
    for await (const { bytes, whole } of readLines(first)) {
      if (whole) lines.push(Buffer.from(bytes));
      if (!whole || lines.length === 2) break;
    }
    const header = lines[0] === undefined ? undefined : parseLine(lines[0].toString('utf8'));
    const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
    return {
      key: header?.type === 'header' ? header.header.key : undefined,
      // The first entry has the time at which the log was begun.
      start: lines.length < 2 ? undefined : createHash('sha256').update(Buffer.concat(lines)).digest('hex'),
      bytes: sizes.reduce((sum, size) => sum + size, 0),
    };
  } catch (error) {
    if (error instanceof KwikError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new KwikError('ERR_KWIK_LOCAL_FILE', `cannot read the audit log ${path}: ${reason}`, { cause: error });
  }
}
