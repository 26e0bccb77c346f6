import { readFile, stat } from 'node:fs/promises';
import { KwikError } from '@kwik/wire';
import { parseCheckpoint } from '../notes/checkpoint.js';
import type { NoteSigner } from '../notes/signed-note.js';
import { LogChain } from './log-chain.js';
import { checkpointFile, logFiles } from './log-files.js';
import { readLines } from './read-lines.js';
import { follow } from './verify-log.js';

export interface Resumed {
  readonly chain: LogChain;
  /** Bytes of the file that is written, without a last line that was never finished; 0: it has no header yet. */
  readonly length: number;
  /** Bytes of such a line. */
  readonly tornBytes: number;
  /** The time of the last entry, where its writer did not close the log (it was killed, say): what came after is not in it. */
  readonly unclosedAt: string | undefined;
}

/**
 * Where a log goes on. Only its last file is read, for its header commits to those before. Rejects with ERR_KWIK_LOCAL_FILE when
 * it is not as it was written: a log that was tampered with is evidence, and nothing is added to it.
 */
export async function resumeLog(path: string, signer: NoteSigner): Promise<Resumed> {
  const kept = await keptCheckpoint(path);
  const files = await logFiles(path);
  const begun = files.at(-1) === path && (await hasWholeLine(path));
  const last = begun ? path : files.filter((file) => file !== path).at(-1);
  const size = files.includes(path) ? (await stat(path)).size : 0;
  if (last === undefined) {
    if (kept === undefined) return { chain: new LogChain(signer), length: 0, tornBytes: size, unclosedAt: undefined };
    throw changed(path, 'it is gone, and its checkpoint is there');
  }
  const { verifier, tornBytes, closed, lastAt } = await follow(
    [last],
    { key: signer.key },
    kept === undefined ? [] : [kept],
  );
  const [fault] = verifier.faults;
  if (fault !== undefined) throw changed(path, `${fault.file}, line ${fault.line}: ${fault.text}`);
  const { range, prev } = verifier.end;
  const chain = new LogChain(signer, range, prev, verifier.checkpoint);
  const unclosedAt = closed ? undefined : lastAt;
  return begun
    ? { chain, length: size - tornBytes, tornBytes, unclosedAt }
    : { chain, length: 0, tornBytes: size, unclosedAt };
}

/** Else its writer was interrupted before the header stood there. */
async function hasWholeLine(path: string): Promise<boolean> {
  for await (const { whole } of readLines(path)) return whole;
  return false;
}

async function keptCheckpoint(path: string) {
  let text: string;
  try {
    text = await readFile(checkpointFile(path), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return parseCheckpoint(text);
}

function changed(path: string, how: string): KwikError {
  const advice = 'look into it with `kwik audit verify`, and begin another log under another name';
  return new KwikError('ERR_KWIK_LOCAL_FILE', `the audit log ${path} is not as it was written (${how}); ${advice}`);
}
