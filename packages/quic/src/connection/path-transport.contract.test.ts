import type { PathTransport } from '@kwik/wire';
import { describe, test } from '@jest/globals';
import { describePathTransportContract, type MakePair, pause, until } from '@kwik/testbed';
import { Endpoint } from '../endpoint/endpoint.js';
import { TestServer } from '../test-support/peers.js';

/** Real time after which something that should have happened has not. */

const overLoopback: MakePair = async (options) => {
  const accepted: PathTransport[] = [];
  const server = await TestServer.start({ transport: options, onTransport: (transport) => accepted.push(transport) });
  const endpoint = await Endpoint.bind();
  const client = await endpoint.dial(server.dialOptions({ transport: options }));
  await until(() => accepted.length > 0);
  const [other] = accepted;
  if (other === undefined) throw new Error('nothing was accepted');
  return {
    client,
    server: other,
    until,
    pass: pause,
    async close() {
      await endpoint.close();
      await server.endpoint.close();
    },
  };
};

describePathTransportContract('QUIC on loopback', overLoopback, { describe, test });
