import { createServer } from 'node:net';
import { expect, test } from '@jest/globals';
import { KwikError, type ErrorCode } from '@kwik/wire';
import { askOverTcp, udpVerdict } from './udp-verdict.js';

const errno = (code: string): Error => Object.assign(new Error(code), { code });
const failed = (code: ErrorCode, cause?: unknown, message = 'no'): KwikError => new KwikError(code, message, { cause });

test.each([
  ['nobody answers', failed('ERR_KWIK_TIMEOUT'), 'silent'],
  ['the port is empty', failed('ERR_KWIK_CONNECT_FAILED', errno('ECONNREFUSED')), 'refused'],
  [
    'one of several addresses is empty',
    failed('ERR_KWIK_CONNECT_FAILED', new AggregateError([errno('ECONNREFUSED')])),
    'refused',
  ],
  [
    'no route leads there',
    failed('ERR_KWIK_CONNECT_FAILED', failed('ERR_KWIK_CONNECT_FAILED', errno('ENETUNREACH'))),
    'refused',
  ],
  ['the name is wrong', failed('ERR_KWIK_CONNECT_FAILED', errno('ENOTFOUND')), 'unknown'],
  ['the certificate is refused', failed('ERR_KWIK_CERTIFICATE'), 'open'],
  ['it does not let anybody in', failed('ERR_KWIK_AUTH_FAILED'), 'open'],
  [
    'it speaks QUIC, and not KWIK',
    failed('ERR_KWIK_TIMEOUT', undefined, 'a:1 did not answer the KWIK handshake in 5 ms'),
    'open',
  ],
] as const)('what UDP does when %s', (_name, error, verdict) => {
  expect(udpVerdict(error)).toBe(verdict);
});

test('a machine that is there says so over TCP, whether or not something listens', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const { signal } = new AbortController();
  expect(await askOverTcp(`127.0.0.1:${port}`, signal)).toBe('accepts');
  await new Promise((resolve) => server.close(resolve));
  expect(await askOverTcp(`127.0.0.1:${port}`, signal)).toBe('refuses');
  const ended = AbortSignal.abort();
  expect(await askOverTcp(`127.0.0.1:${port}`, ended)).toMatch(/silent|refuses/u);
});
