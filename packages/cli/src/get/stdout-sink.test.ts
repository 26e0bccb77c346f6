import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { StdoutSink } from './stdout-sink.js';

const wanted = new AbortController().signal;

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function collecting(): { readonly sink: StdoutSink; readonly passed: () => string } {
  const chunks: Uint8Array[] = [];
  const sink = new StdoutSink({ write: async (chunk) => void chunks.push(chunk) });
  return { sink, passed: () => Buffer.concat(chunks).toString() };
}

test('a second session goes on at the byte where the first one ended', async () => {
  const { sink, passed } = collecting();
  expect(await sink.open(wanted)).toMatchObject({ offset: 0 });
  await sink.begin({ ok: true, size: 11, etag: 'v1', offset: 0 });
  await sink.write(Buffer.from('hello '));
  await sink.suspend();
  const existing = await sink.open(wanted);
  expect(existing).toMatchObject({ offset: 6, etag: 'v1' });
  expect(existing.hash.copy().digest('hex')).toBe(sha256('hello '));
  await sink.begin({ ok: true, size: 11, etag: 'v1', offset: 6 });
  await sink.write(Buffer.from('world'));
  expect(passed()).toBe('hello world');
});

test('what was passed on does not come a second time: when it cannot go on, it fails', async () => {
  const { sink, passed } = collecting();
  await sink.open(wanted);
  await sink.begin({ ok: true, size: 11, etag: 'v1', offset: 0 });
  await sink.write(Buffer.from('hello '));
  await expect(sink.begin({ ok: true, size: 11, etag: 'v2', offset: 0 })).rejects.toMatchObject({
    code: 'ERR_KWIK_SOURCE_FAILED',
    message: expect.stringContaining('6 bytes were passed on'),
  });
  expect(passed()).toBe('hello ');
  expect(sink.keptBytes).toBe(0);
});
