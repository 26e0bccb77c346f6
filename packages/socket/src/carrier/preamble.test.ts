import { afterEach, expect, test } from '@jest/globals';
import { dial, listen } from '@kwik/session';
import { ByteStream } from '@kwik/session/socket';
import { readRequest } from './preamble.js';

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Both ends of a stream, of which the client has written `bytes`. */
async function streamWith(bytes: Uint8Array) {
  const listener = await listen({ host: '127.0.0.1', port: 0 });
  cleanups.push(() => listener.close({ force: true }));
  const client = await dial(`127.0.0.1:${listener.address().port}`);
  cleanups.push(() => client.close(0, '', { timeoutMs: 0 }));
  const near = client.openStream();
  await near.write(bytes);
  const session = await listener.accept();
  return { near, far: new ByteStream(await session.acceptStream()) };
}

test('a client that begins a request and does not end it is refused in time', async () => {
  const { near, far } = await streamWith(Uint8Array.of(1));
  await expect(readRequest(far, 50)).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_KWIK_/u) });
  await expect(near.read()).rejects.toMatchObject({ code: 'ERR_KWIK_STREAM_RESET' });
});

test('one that is there in time is read, with what came behind it', async () => {
  const { far } = await streamWith(Uint8Array.of(1, 2, 9, 9, 7));
  expect(await readRequest(far, 60_000)).toEqual(Buffer.of(7));
});
