import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findProgram } from '@kwik/testbed/programs';
import { KwikError } from '@kwik/wire';

const PROGRAM = 'prlimit';

/** Whether this machine can have a process find its disk full. */
export function canFillDisks(): boolean {
  return findProgram(PROGRAM) !== undefined;
}

/**
 * From now on no file that the process of this id writes to takes a byte more (EFBIG, by its limit of file sizes), as if its
 * disk were full; or all of them do again. Pipes and sockets are no files. Rejects when there is no such process.
 */
export async function setDiskFull(pid: number, full: boolean): Promise<void> {
  try {
    await promisify(execFile)(PROGRAM, ['--pid', String(pid), `--fsize=${full ? '0' : 'unlimited'}:`]);
  } catch (cause) {
    const what = full ? 'filled' : 'emptied';
    const text = `the disk of process ${pid} cannot be ${what}: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new KwikError('ERR_KWIK_INTERNAL', text, { cause });
  }
}
