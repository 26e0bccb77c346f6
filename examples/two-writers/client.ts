import { createHash } from 'node:crypto';
import type { Session } from '@kwik/session';
import { decode, type Header } from './protocol.js';

const NEW_LINE = 10;

/** Asks for the content and reads it; resolves with its size, or rejects when its SHA-256 is not the announced one. */
export async function fetchVerified(session: Session): Promise<number> {
  const stream = session.openStream();
  await stream.write('the content, please');
  await stream.close();

  let line = Buffer.alloc(0);
  let header: Header | undefined;
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of stream) {
    let content = chunk;
    if (header === undefined) {
      line = Buffer.concat([line, chunk]);
      const end = line.indexOf(NEW_LINE);
      if (end < 0) continue;
      header = decode(line.subarray(0, end)) as Header;
      content = line.subarray(end + 1);
    }
    hash.update(content);
    size += content.length;
  }
  const sha256 = hash.digest('hex');
  if (size !== header?.size || sha256 !== header.sha256) {
    throw new Error(`${size} bytes with SHA-256 ${sha256}; announced were ${JSON.stringify(header)}`);
  }
  return size;
}
