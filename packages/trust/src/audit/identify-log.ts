import { checkArgument, KwikError, optionRules } from '@kwik/wire';
import { logFiles } from './log-files.js';
import { parseLine } from './log-lines.js';
import { readLines } from './read-lines.js';

/** Which log files are, before anything in them is verified. */
export interface AuditLogIdentity {
  /** `name+id+key`, as the log itself says; undefined where it has no header. */
  readonly key: string | undefined;
}

/** Reads the first line of a log. Rejects with ERR_KWIK_LOCAL_FILE where it cannot be read. */
export async function identifyAuditLog(path: string): Promise<AuditLogIdentity> {
  checkArgument('identifyAuditLog', 'path', path, optionRules.filePath);
  try {
    const [first] = await logFiles(path);
    if (first === undefined) throw new KwikError('ERR_KWIK_LOCAL_FILE', `there is no audit log ${path}`);
    for await (const { bytes, whole } of readLines(first)) {
      const header = whole ? parseLine(bytes.toString('utf8')) : undefined;
      return { key: header?.type === 'header' ? header.header.key : undefined };
    }
    return { key: undefined };
  } catch (error) {
    if (error instanceof KwikError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new KwikError('ERR_KWIK_LOCAL_FILE', `cannot read the audit log ${path}: ${reason}`, { cause: error });
  }
}
