import type { Session } from '@kwik/session';
import { expect, test } from '@jest/globals';
import { encodeMessage } from '../protocol/framing.js';
import { MemoryStream } from '../test-support/memory-stream.js';
import { listRemote, type Listing } from './remote.js';

interface Listed {
  readonly result: Promise<Listing>;
  readonly server: MemoryStream;
}

/** Lists a folder of a server that the test plays. */
function list(timeoutMs: number, now: () => number = () => performance.now()): Listed {
  const [client, server] = MemoryStream.pair();
  const session = { openStreamWhenReady: () => Promise.resolve(client) } as Partial<Session> as Session;
  const result = listRemote(session, '', { signal: new AbortController().signal, timeoutMs, now });
  // Looked at by the test, later.
  result.catch(() => undefined);
  return { result, server };
}

function page(names: readonly string[], more: boolean, omitted: readonly object[] = []): Uint8Array {
  return encodeMessage({ ok: true, entries: names.map((path) => ({ path, size: 1 })), omitted, more });
}

test('pages add up, and so do omissions', async () => {
  const { result, server } = list(10_000);
  await server.write(page(['a', 'b'], true, [{ path: 'x', reason: 'locked' }]));
  await server.write(page(['c'], false));
  expect(await result).toEqual({
    entries: ['a', 'b', 'c'].map((path) => ({ path, size: 1 })),
    omitted: [{ path: 'x', reason: 'locked' }],
  });
});

test('a server that falls silent is given up', async () => {
  const { result, server } = list(50);
  await server.write(page(['a'], true));
  await expect(result).rejects.toMatchObject({ code: 'ERR_KWIK_TIMEOUT' });
});

test('a server that sends pages without names is not listened to for ever', async () => {
  const { result, server } = list(10_000);
  await server.write(page([], true));
  await expect(result).rejects.toMatchObject({ code: 'ERR_KWIK_PROTOCOL_VIOLATION' });
});

test('a server that sends a name now and then is given up in the end', async () => {
  let nowMs = 0;
  const { result, server } = list(1000, () => nowMs);
  for (let index = 0; index < 12; index++) {
    nowMs += 900;
    await server.write(page([`name-${index}`], true));
    await new Promise(setImmediate);
  }
  await expect(result).rejects.toMatchObject({ code: 'ERR_KWIK_TIMEOUT', message: expect.stringMatching(/too long/u) });
});

test('a server that lists without end is given up', async () => {
  const { result, server } = list(10_000);
  const names = Array.from({ length: 600 }, (_, index) => `n${index}`);
  for (let index = 0; index < 170; index++) server.write(page(names, true)).catch(() => undefined);
  await expect(result).rejects.toMatchObject({ code: 'ERR_KWIK_LIMIT_EXCEEDED' });
});

test('a server that lists long names without end is given up', async () => {
  const { result, server } = list(10_000);
  for (let index = 0; index < 1400; index++) {
    const names = [0, 1, 2].map((more) => `${'n'.repeat(4000)}${3 * index + more}`);
    server.write(page(names, true)).catch(() => undefined);
  }
  await expect(result).rejects.toMatchObject({
    code: 'ERR_KWIK_LIMIT_EXCEEDED',
    message: expect.stringContaining('too long together'),
  });
});

test('a server that takes no request is given up', async () => {
  const stream = { write: () => new Promise<void>(() => undefined) };
  const session = { openStreamWhenReady: () => Promise.resolve(stream) } as unknown as Session;
  const waiting = { signal: new AbortController().signal, timeoutMs: 50, now: () => performance.now() };
  await expect(listRemote(session, '', waiting)).rejects.toMatchObject({ code: 'ERR_KWIK_TIMEOUT' });
});
