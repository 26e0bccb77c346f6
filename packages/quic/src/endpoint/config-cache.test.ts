import { describe, expect, test } from '@jest/globals';
import { quicheBackend } from '../backends/quiche-backend.js';
import { makeAuthority } from '../test-support/certificates.js';
import { Endpoint } from './endpoint.js';

const nothing = (): void => undefined;

describe('ConfigCache', () => {
  test('endpoints of one backend that dial alike read the authority once; another dial is another matter', async () => {
    const authority = await makeAuthority();
    const server = await Endpoint.bind();
    server.listen(await authority.issue(), (connection) => {
      connection.attach({ onStream: nothing, onSendable: nothing, onClose: nothing });
    });
    const real = quicheBackend();
    let configs = 0;
    const backend: typeof real = { ...real, createConfig: (options) => (configs++, real.createConfig(options)) };
    const [one, other] = [await Endpoint.bind({ backend }), await Endpoint.bind({ backend })];
    const { port } = server.address();
    const target = { host: '127.0.0.1', port, trust: { ca: authority.certPem } };
    await one.dial(target);
    await other.dial(target);
    expect(configs).toBe(1);
    await other.dial({ ...target, transport: { idleTimeoutMs: 12_345 } });
    expect(configs).toBe(2);
    await Promise.all([one.close(), other.close(), server.close()]);
  });
});
