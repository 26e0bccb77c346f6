import { readFile } from 'node:fs/promises';
import { parseNoteKey, verifyAuditLog, type AuditVerification, type NoteKey } from '@kwik/trust';
import { fileError } from '../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { CliIo } from '../io.js';
import { oneLine } from '../ui/text.js';

export interface VerifyOptions {
  /** `name+id+key`, or a file that holds it. */
  readonly key?: string;
  /** Files with checkpoints that were kept elsewhere. */
  readonly checkpoint: readonly string[];
  readonly witness: readonly string[];
  readonly json: boolean;
}

/** `kwik audit verify`: whether a log is as it was written. */
export async function runVerify(path: string, options: VerifyOptions, io: CliIo): Promise<ExitCode> {
  const { key, checkpoint, witness } = options;
  const verified = await verifyAuditLog(path, {
    ...(key !== undefined && { key: await readKey(key) }),
    checkpoints: await Promise.all(checkpoint.map((file) => readText('--checkpoint', file))),
    witnesses: await Promise.all(witness.map(readKey)),
  });
  io.stdout.print(options.json ? `${JSON.stringify(verified)}\n` : inWords(path, verified));
  return verified.faults.length === 0 ? EXIT.ok : EXIT.failed;
}

function inWords(path: string, verified: AuditVerification): string {
  const { faults, from, to, signed, files, firstAt = '-', lastAt = '-' } = verified;
  const lines = faults.map(({ file, line, text }) => `${file}${line === 0 ? '' : `:${line}`}: ${oneLine(text)}`);
  const range = `entries ${from} to ${to - 1} in ${files.length} ${files.length === 1 ? 'file' : 'files'}, ${firstAt} to ${lastAt}`;
  if (to === from) lines.push(`${path}: no entries`);
  else lines.push(`${path}: ${faults.length === 0 ? 'as it was written' : 'NOT as it was written'}: ${range}`);
  if (signed < to) lines.push(`${to - signed} entries at the end are chained, and not signed yet`);
  if (verified.tornBytes > 0) lines.push(`a last line of ${verified.tornBytes} bytes was never finished`);
  if (!verified.closed)
    lines.push('its writer has not closed it: it is in use, was interrupted, or its end was cut off');
  const key = verified.key ?? 'no key';
  lines.push(
    verified.keyGiven ? `signed by ${key}` : `signed by ${key}, as the log itself says; give --key to be sure`,
  );
  return `${lines.join('\n')}\n`;
}

/** `text`: `name+id+key`, or a file that holds it. Rejects with ERR_KWIK_CREDENTIALS or ERR_KWIK_LOCAL_FILE. */
export async function readKey(text: string): Promise<NoteKey> {
  return parseNoteKey(text.split('+').length >= 3 ? text : await readText('the key', text));
}

export async function readText(what: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw fileError(`read ${what}`, path, error);
  }
}
