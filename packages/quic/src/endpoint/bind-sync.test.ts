import { afterEach, expect, test } from '@jest/globals';
import { pause } from '@kwik/testbed';
import { makeAuthority } from '../test-support/certificates.js';
import { Endpoint } from './endpoint.js';

const open: Endpoint[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((endpoint) => endpoint.close()));
});

function bound(port = 0): Endpoint {
  const endpoint = Endpoint.bindSync({ host: '127.0.0.1', port, ref: false });
  open.push(endpoint);
  return endpoint;
}

test('has its port within the call, and says within the call that another has it', () => {
  const { port } = bound().address();
  expect(port).toBeGreaterThan(0);
  expect(() => bound(port)).toThrow(
    expect.objectContaining({
      code: 'ERR_KWIK_INVALID_ARGUMENT',
      cause: expect.objectContaining({ code: 'EADDRINUSE' }),
    }),
  );
});

test.each(['dgram', 'auto'] as const)(
  'takes addresses and ports only (%s): no name is bound as something else',
  (io) => {
    for (const host of ['localhost', '[::1]', 'example.com', '1.2.3', '', '1.2.3.4.5.6.7.8.9.10.11.12.13.14']) {
      expect(() => Endpoint.bindSync({ host, io })).toThrow(
        expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }),
      );
    }
    for (const port of [-1, 1.5, 70_000, NaN]) {
      expect(() => Endpoint.bindSync({ host: '127.0.0.1', port, io })).toThrow(
        expect.objectContaining({ code: 'ERR_KWIK_INVALID_ARGUMENT' }),
      );
    }
  },
);

test('a client that is faster than listen waits no second for its first packet to go out again', async () => {
  const authority = await makeAuthority('Authority');
  const { certPem, keyPem } = await authority.issue({ names: ['127.0.0.1'] });
  const server = bound();
  const client = await Endpoint.bind();
  open.push(client);
  const { port } = server.address();
  const dialled = client.dial({ host: '127.0.0.1', port, trust: { ca: authority.certPem } });
  await pause(20);
  const startMs = performance.now();
  server.listen({ certPem, keyPem }, () => undefined);
  await dialled;
  expect(performance.now() - startMs).toBeLessThan(900);
});
