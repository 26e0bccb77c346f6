import { beforeAll, describe, expect, test } from '@jest/globals';
import type { BackendConfig, QuicBackend } from '../backends/backend.js';
import type { Connection } from '../connection/connection.js';
import { resolveTransport } from '../connection/transport-options.js';
import { makeAuthority, type Issued } from '../test-support/certificates.js';
import { Acceptor } from './acceptor.js';

/** More than a listener remembers before its key changes. */
const MANY = 70_000;

let issued: Issued;

beforeAll(async () => {
  issued = await (await makeAuthority()).issue();
});

/** An acceptor on a backend that only takes keys. */
function accepting(earlyData: boolean, sharedSecret?: Uint8Array): { acceptor: Acceptor; keys: Set<string> } {
  const keys = new Set<string>();
  const config: BackendConfig = {
    setResetToken: () => undefined,
    setTicketKey: (key) => keys.add(Buffer.from(key).toString('hex')),
  };
  const backend = { createConfig: () => config } as unknown as QuicBackend;
  const acceptor = new Acceptor({ ...issued, earlyData }, () => undefined, backend, sharedSecret);
  return { acceptor, keys };
}

/** Handshakes after a Retry that are completed, each under ids of its own; then one more connection comes. */
function complete(acceptor: Acceptor, handshakes: number, resumed: boolean): void {
  const connection = { backend: { resumed: () => resumed } } as unknown as Connection;
  for (let n = 0; n < handshakes; n += 1) {
    const ids = [0, 1].map((which) => new Uint8Array(new Uint32Array([n, which]).buffer));
    acceptor.party(ids, { completed: () => undefined, failed: () => undefined }).completed(connection);
  }
  acceptor.configFor(resolveTransport(undefined), new Uint8Array(16));
}

describe('connections that are remembered change the key of tickets when they are many', () => {
  test.each([true, false])('where early data is taken: those that resumed a session (%s)', (resumed) => {
    const { acceptor, keys } = accepting(true);
    complete(acceptor, MANY / 2, resumed);
    expect(keys.size).toBe(2);
  });

  test('not where none is taken, nor where others with the same address open the tickets, too', () => {
    for (const { acceptor, keys } of [accepting(false), accepting(true, new Uint8Array(32))]) {
      complete(acceptor, MANY, true);
      expect(keys.size).toBe(1);
    }
  });
});
