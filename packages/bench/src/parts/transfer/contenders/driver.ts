import { Endpoint } from '@kwik/quic';
import type { TransportStream } from '@kwik/wire';
import { Pattern, PatternReader } from '../../../harness/pattern.js';
import {
  CHUNK_BYTES,
  CONNECTION_WINDOW_BYTES,
  type Contender,
  STREAM_WINDOW_BYTES,
  type Settings,
} from '../contender.js';

/** `@kwik/quic` itself. */
export const driver: Contender = {
  async serve({ certPem, keyPem }, settings) {
    const endpoint = await Endpoint.bind();
    endpoint.listen({ certPem, keyPem, transport: transport(settings) }, (connection) => {
      connection.attach({
        onStream: (stream) => sendAll(stream, settings.bytes),
        onSendable: () => undefined,
        onClose: () => undefined,
      });
    });
    return endpoint.address().port;
  },

  async fetch(port, caPem, settings) {
    const start = performance.now();
    const reader = new PatternReader(new Pattern());
    const endpoint = await fetchOver(port, caPem, settings, (chunk) => reader.read(chunk));
    const seconds = (performance.now() - start) / 1000;
    await endpoint.close();
    return { bytes: reader.bytes, seconds };
  },
};

/** Resolves when the stream has ended; the endpoint is the caller's to close. */
export async function fetchOver(
  port: number,
  caPem: string,
  settings: Settings,
  onData: (chunk: Uint8Array) => void,
): Promise<Endpoint> {
  const { client } = settings;
  const endpoint = await Endpoint.bind({ ...(client !== undefined && { port: client.port }) });
  const connection = await endpoint.dial({
    host: '127.0.0.1',
    port,
    trust: { ca: caPem },
    transport: transport(settings),
    ...(client !== undefined && { connectionId: client.connectionId }),
  });
  connection.attach({ onStream: () => undefined, onSendable: () => undefined, onClose: () => undefined });
  await new Promise<void>((resolve, reject) => {
    const stream = connection.openStream({ unidirectional: false });
    stream?.attach({
      onData,
      onEnd: resolve,
      onReset: reject,
      onStopSending: reject,
      onWritable: () => undefined,
    });
    stream?.write(Uint8Array.of(1));
    stream?.end();
  });
  return endpoint;
}

function transport(settings: Settings): object {
  return {
    ...(settings.followsRoute === true ? { longDatagrams: true } : { datagramBytes: settings.datagramBytes }),
    streamWindowBytes: STREAM_WINDOW_BYTES,
    connectionWindowBytes: CONNECTION_WINDOW_BYTES,
  };
}

function sendAll(stream: TransportStream, bytes: number): void {
  const pattern = new Pattern();
  let at = 0;
  const pump = (): void => {
    while (at < bytes) {
      const piece = pattern.piece(at, Math.min(CHUNK_BYTES, bytes - at));
      const taken = stream.write(piece);
      at += taken;
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
