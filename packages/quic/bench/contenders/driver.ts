import type { TransportStream } from '@kwik/wire';
import { Endpoint } from '../../src/index.js';
import {
  CHUNK_BYTES,
  CONNECTION_WINDOW_BYTES,
  type Contender,
  STREAM_WINDOW_BYTES,
  type Settings,
} from './contender.js';

/** `@kwik/quic` itself. */
export const driver: Contender = {
  async serve(issued, settings) {
    const endpoint = await Endpoint.bind();
    endpoint.listen({ ...issued, transport: transport(settings) }, (connection) => {
      connection.attach({
        onStream: (stream) => sendAll(stream, settings.bytes),
        onSendable: () => undefined,
        onClose: () => undefined,
      });
    });
    return endpoint.address().port;
  },

  async fetch(port, caPem, settings) {
    const endpoint = await Endpoint.bind();
    const connection = await endpoint.dial({
      host: '127.0.0.1',
      port,
      trust: { ca: caPem },
      transport: transport(settings),
    });
    connection.attach({ onStream: () => undefined, onSendable: () => undefined, onClose: () => undefined });
    const start = performance.now();
    const bytes = await new Promise<number>((resolve, reject) => {
      let received = 0;
      const stream = connection.openStream({ unidirectional: false });
      stream?.attach({
        onData: (chunk) => (received += chunk.length),
        onEnd: () => resolve(received),
        onReset: reject,
        onStopSending: reject,
        onWritable: () => undefined,
      });
      stream?.write(Uint8Array.of(1));
      stream?.end();
    });
    const seconds = (performance.now() - start) / 1000;
    await endpoint.close();
    return { bytes, seconds };
  },
};

function transport(settings: Settings): object {
  return {
    datagramBytes: settings.datagramBytes,
    congestionControl: settings.congestionControl,
    streamWindowBytes: STREAM_WINDOW_BYTES,
    connectionWindowBytes: CONNECTION_WINDOW_BYTES,
  };
}

function sendAll(stream: TransportStream, bytes: number): void {
  const chunk = new Uint8Array(CHUNK_BYTES).fill(7);
  let left = bytes;
  const pump = (): void => {
    while (left > 0) {
      const piece = left < chunk.length ? chunk.subarray(0, left) : chunk;
      const taken = stream.write(piece);
      left -= taken;
      if (taken < piece.length) return;
    }
    stream.end();
  };
  stream.attach({
    onData: () => undefined,
    onEnd: () => pump(),
    onReset: () => undefined,
    onStopSending: () => undefined,
    onWritable: () => pump(),
  });
}
