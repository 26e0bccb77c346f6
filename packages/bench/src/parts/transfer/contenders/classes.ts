import { createHmac, randomBytes, timingSafeEqual, webcrypto } from 'node:crypto';
import { events, QUICClient, QUICServer, type QUICStream } from '@matrixai/quic';
import { Pattern, PatternReader } from '../../../harness/pattern.js';
import {
  CHUNK_BYTES,
  CONNECTION_WINDOW_BYTES,
  type Contender,
  STREAM_WINDOW_BYTES,
  type Settings,
} from '../contender.js';

/** `QUICClient` and `QUICServer` of `@matrixai/quic`, used as its README does. */
export const classes: Contender = {
  async serve({ certPem, keyPem }, settings) {
    const server = new QUICServer({
      crypto: { key: toArrayBuffer(randomBytes(32)), ops: { sign, verify } },
      config: { key: keyPem, cert: certPem, verifyPeer: false, ...transport(settings) },
    });
    server.addEventListener(events.EventQUICServerConnection.name, (event: Event) => {
      if (!(event instanceof events.EventQUICServerConnection)) return;
      const connection = event.detail;
      connection.addEventListener(events.EventQUICConnectionStream.name, (opened: Event) => {
        if (opened instanceof events.EventQUICConnectionStream) void sendAll(opened.detail, settings.bytes);
      });
    });
    await server.start({ host: '127.0.0.1' });
    return server.port;
  },

  async fetch(port, caPem, settings) {
    const start = performance.now();
    const client = await QUICClient.createQUICClient({
      host: '127.0.0.1',
      port,
      localHost: '127.0.0.1',
      crypto: { ops: { randomBytes: fillRandom } },
      config: { ca: caPem, verifyPeer: true, ...transport(settings) },
      serverName: 'localhost',
    });
    const stream = client.connection.newStream();
    const writer = stream.writable.getWriter();
    await writer.write(Uint8Array.of(1));
    await writer.close();
    const reader = new PatternReader(new Pattern());
    for await (const chunk of stream.readable) reader.read(chunk);
    return { bytes: reader.bytes, seconds: (performance.now() - start) / 1000 };
  },
};

async function sendAll(stream: QUICStream, bytes: number): Promise<void> {
  const pattern = new Pattern();
  for await (const _ of stream.readable);
  const writer = stream.writable.getWriter();
  for (let at = 0; at < bytes; at += CHUNK_BYTES) {
    await writer.write(pattern.piece(at, Math.min(CHUNK_BYTES, bytes - at)));
  }
  await writer.close();
}

function transport(settings: Settings): object {
  return {
    applicationProtos: ['kwik/1'],
    maxIdleTimeout: 30_000,
    maxSendUdpPayloadSize: settings.datagramBytes,
    maxRecvUdpPayloadSize: 65_527,
    initialMaxData: CONNECTION_WINDOW_BYTES,
    initialMaxStreamDataBidiLocal: STREAM_WINDOW_BYTES,
    initialMaxStreamDataBidiRemote: STREAM_WINDOW_BYTES,
  };
}

async function sign(key: ArrayBuffer, data: ArrayBuffer): Promise<ArrayBuffer> {
  return toArrayBuffer(createHmac('sha256', Buffer.from(key)).update(Buffer.from(data)).digest());
}

async function verify(key: ArrayBuffer, data: ArrayBuffer, signature: ArrayBuffer): Promise<boolean> {
  return timingSafeEqual(Buffer.from(await sign(key, data)), Buffer.from(signature));
}

async function fillRandom(data: ArrayBuffer): Promise<void> {
  webcrypto.getRandomValues(new Uint8Array(data));
}

function toArrayBuffer(buffer: Buffer): ArrayBuffer {
  return buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength) as ArrayBuffer;
}
