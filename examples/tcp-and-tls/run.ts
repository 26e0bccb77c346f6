import { once } from 'node:events';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import tls from 'node:tls';
import kwik from '@kwik/socket';

export interface Measured {
  readonly name: string;
  readonly bytes: number;
  readonly megabytesPerSecond: number;
}

const CHUNK = new Uint8Array(64 * 1024).map((_, index) => index * 31);

/** The same program over TCP, over TLS and over KWIK: only the module changes. Keys are those of the caller. */
export async function compare(bytes: number, keys: { cert: string; key: string }): Promise<Measured[]> {
  const write = (socket: Duplex): void => void pipeline(chunks(bytes), socket).catch(() => undefined);
  return [
    await measure('TCP', bytes, net.createServer(write), (port) => net.connect(port)),
    await measure('TLS', bytes, tls.createServer(keys, write), (port) =>
      tls.connect({ port, ca: keys.cert, servername: 'localhost' }),
    ),
    await measure('KWIK', bytes, kwik.createServer(write), (port) => kwik.connect(port)),
  ];
}

interface Server {
  listen(port: number): unknown;
  address(): unknown;
  close(): unknown;
}

async function measure(
  name: string,
  expected: number,
  server: Server & NodeJS.EventEmitter,
  connect: (port: number) => Duplex,
): Promise<Measured> {
  server.listen(0);
  await once(server, 'listening');
  const startMs = performance.now();
  const socket = connect((server.address() as { port: number }).port);
  let bytes = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) bytes += chunk.length;
  const seconds = (performance.now() - startMs) / 1000;
  server.close();
  await once(server, 'close');
  if (bytes !== expected) throw new Error(`${name} brought ${bytes} bytes of ${expected}`);
  return { name, bytes, megabytesPerSecond: bytes / seconds / 1e6 };
}

function* chunks(bytes: number): Generator<Uint8Array> {
  for (let left = bytes; left > 0; left -= CHUNK.length) yield CHUNK.subarray(0, Math.min(left, CHUNK.length));
}
