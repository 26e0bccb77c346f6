import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import type { Session } from '@kwik/session';
import { encodeMessage } from '../protocol/framing.js';
import { MemoryStream } from '../test-support/memory-stream.js';
import { readFor } from './read-for.js';

/** A session with a server that answers each request for a file with the next content; the last one again and again. */
function serving(contents: readonly string[]): { session: Session; asked: () => number } {
  let asked = 0;
  const open = async (): Promise<MemoryStream> => {
    const content = Buffer.from(contents[Math.min(asked, contents.length - 1)] ?? '');
    asked += 1;
    if (asked > 20) throw new Error('asked again and again');
    const [client, server] = MemoryStream.pair();
    const sha256 = createHash('sha256').update(content).digest('hex');
    await server.write(encodeMessage({ ok: true, size: content.length, etag: 'e', offset: 0 }));
    await server.write(content);
    await server.write(encodeMessage({ ok: true, sha256 }));
    await server.close();
    return client;
  };
  const session: Partial<Session> = { openStreamWhenReady: open, getActivePaths: () => [], getAllPaths: () => [] };
  return { session: session as Session, asked: () => asked };
}

const BOUNDS = { path: 'f', durationMs: 1_000, maxBytes: 12, timeoutMs: 10_000, now: () => 0 };

test('a short file is read again until there is enough of it', async () => {
  const { session, asked } = serving(['12345']);
  const signal = new AbortController().signal;
  expect(await readFor(session, { ...BOUNDS, signal })).toMatchObject({ bytes: 15, wholeFiles: 2 });
  expect(asked()).toBe(3);
});

test.each([[['']], [['12345', '']]])('a file that is empty, or becomes so, is not read for ever', async (contents) => {
  const { session } = serving(contents);
  const signal = new AbortController().signal;
  await expect(readFor(session, { ...BOUNDS, signal })).rejects.toMatchObject({ message: 'f is empty' });
});
