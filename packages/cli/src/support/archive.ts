import { gzipSync } from 'node:zlib';

/** A file of an archive: a plain name, and its text. */
export interface ArchiveEntry {
  readonly name: string;
  readonly text: string;
}

const BLOCK = 512;
/** Mode, owner, group and times of each: of nobody in particular, readable by the owner. */
const MODE = '0000600';
const CHECKSUM_AT = 148;

/** A gzipped tar (POSIX ustar) of files in one folder; names are of at most 100 ASCII characters with the folder's. */
export function tarball(folder: string, entries: readonly ArchiveEntry[], secondsSince1970: number): Buffer {
  const blocks = entries.flatMap(({ name, text }) => {
    const data = Buffer.from(text);
    const padding = Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK);
    return [header(`${folder}/${name}`, data.length, secondsSince1970), data, padding];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]));
}

function header(name: string, bytes: number, seconds: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, 100, 'ascii');
  block.write(`${MODE}\0`, 100);
  block.write(`${'0'.repeat(7)}\0`, 108);
  block.write(`${'0'.repeat(7)}\0`, 116);
  block.write(`${octal(bytes)}\0`, 124);
  block.write(`${octal(seconds)}\0`, 136);
  block.fill(' ', CHECKSUM_AT, CHECKSUM_AT + 8);
  block.write('0', 156);
  block.write('ustar\u000000', 257);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, CHECKSUM_AT);
  return block;
}

function octal(number: number): string {
  return Math.floor(number).toString(8).padStart(11, '0');
}
