import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { KwikError } from '@kwik/wire';
import { MAX_LINE_BYTES } from './log-lines.js';

export interface FileLine {
  /** Without its newline. */
  readonly bytes: Buffer;
  /** Where it begins in the file. */
  readonly offset: number;
  /** Whether a newline ends it; without one the writer was interrupted. */
  readonly whole: boolean;
}

const NEWLINE = 0x0a;

/**
 * The lines of a file, read in pieces. A line beyond 64 kB comes in several parts, none of which can be read as a line. Rejects
 * with ERR_KWIK_LOCAL_FILE for what is no file: a pipe would be waited for, and a device may never end.
 */
export async function* readLines(path: string): AsyncGenerator<FileLine> {
  if (!(await stat(path)).isFile()) throw new KwikError('ERR_KWIK_LOCAL_FILE', `${path} is no file`);
  let rest: Buffer = Buffer.alloc(0);
  let offset = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let data: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = data.indexOf(NEWLINE); end >= 0; end = data.indexOf(NEWLINE)) {
      yield { bytes: data.subarray(0, end), offset, whole: true };
      offset += end + 1;
      data = data.subarray(end + 1);
    }
    if (data.length > MAX_LINE_BYTES) {
      yield { bytes: data, offset, whole: false };
      offset += data.length;
      data = Buffer.alloc(0);
    }
    rest = data;
  }
  if (rest.length > 0) yield { bytes: rest, offset, whole: false };
}
