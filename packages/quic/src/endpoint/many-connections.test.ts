import { describe, expect, test } from '@jest/globals';
import type { StreamProbe } from '../test-support/peers.js';
import { TestServer, TransportProbe } from '../test-support/peers.js';
import { loadSystemCalls } from '../socket/system-calls.js';
import type { SocketIo } from '../socket/datagram-socket.js';
import { Endpoint } from './endpoint.js';

const CONNECTIONS = 1_000;
/** On a slow machine it takes longer than connections otherwise last with nothing to say. */
const PATIENT = { transport: { idleTimeoutMs: 300_000 } };
/** Handshakes at once; each takes a millisecond or two of one processor. */
const AT_ONCE = 50;
/** More than a datagram each way, so that runs of datagrams change their address all the time. */
const MESSAGE = new Uint8Array(5_000).fill(7);

const ios: SocketIo[] = loadSystemCalls() === undefined ? ['dgram'] : ['dgram', 'batched'];

describe.each(ios)('I/O by %s', (io) => {
  test('a thousand connections share one socket, and each gets its own bytes', async () => {
    const server = await TestServer.start({
      ...PATIENT,
      serverEndpoint: { io },
      onTransport: (transport) => {
        const probe = new TransportProbe(transport);
        probe.onStreamProbe = (stream) => void echo(stream);
      },
    });
    const endpoint = await Endpoint.bind({ io });
    const ask = async (index: number): Promise<number> => {
      const client = new TransportProbe(await endpoint.dial({ ...server.dialOptions(PATIENT), timeoutMs: 60_000 }));
      const stream = client.open();
      const message = MESSAGE.map((byte) => byte + index);
      await stream.send(message);
      await stream.ended.promise;
      return Buffer.compare(stream.received(), message);
    };
    for (let first = 0; first < CONNECTIONS; first += AT_ONCE) {
      const answers = await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => ask(first + i)));
      expect(answers.every((order) => order === 0)).toBe(true);
    }
    const { connections, accepted, io: used, segmentationRefused } = server.endpoint.stats();
    expect({ connections, accepted, used, segmentationRefused }).toEqual({
      connections: CONNECTIONS,
      accepted: CONNECTIONS,
      used: io,
      segmentationRefused: undefined,
    });
    await Promise.all([endpoint.close(), server.endpoint.close()]);
  }, 120_000);

  test('closed in the middle of a burst, both ends are told, and nothing is read after', async () => {
    const server = await TestServer.start({ serverEndpoint: { io } });
    const endpoint = await Endpoint.bind({ io });
    const client = new TransportProbe(await endpoint.dial(server.dialOptions()));
    const accepted = await server.nextConnection();
    void accepted.open(true).send(new Uint8Array(50_000_000));
    const incoming = await client.nextStream();
    await new Promise<void>((resolve) => {
      incoming.onChunk = () => resolve();
    });
    await endpoint.close();
    const { bytes } = incoming;
    await accepted.closed.promise;
    await server.endpoint.close();
    expect(incoming.bytes).toBe(bytes);
    expect(client.closeCalls).toBe(1);
  });
});

async function echo(stream: StreamProbe): Promise<void> {
  await stream.ended.promise;
  await stream.send(stream.received());
}
