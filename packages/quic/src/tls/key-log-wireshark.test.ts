import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { findProgram } from '@kwik/testbed/programs';
import { Endpoint } from '../endpoint/endpoint.js';
import { ProcessResources } from '../endpoint/process-resources.js';
import { TestServer, TransportProbe } from '../test-support/peers.js';

const TSHARK = findProgram('tshark');
// eslint-disable-next-line no-restricted-syntax -- Debian's tshark may be missing; then it is skipped by name
const testWithTshark = TSHARK === undefined ? test.skip : test;

const CLIENT_PORT = 40_000;
const SERVER_PORT = 4433;

/** Between a client and a server; writes down what each says as a capture of IPv4 packets. */
class Wiretap {
  readonly #packets: Buffer[] = [];
  readonly #toClient = createSocket('udp4');
  readonly #toServer = createSocket('udp4');
  #client: { readonly address: string; readonly port: number } | undefined;

  async open(serverPort: number): Promise<number> {
    this.#toServer.on('message', (data) => {
      this.#packets.push(packetOf(SERVER_PORT, CLIENT_PORT, data));
      if (this.#client !== undefined) this.#toClient.send(data, this.#client.port, this.#client.address);
    });
    this.#toClient.on('message', (data, from) => {
      this.#client = from;
      this.#packets.push(packetOf(CLIENT_PORT, SERVER_PORT, data));
      this.#toServer.send(data, serverPort, '127.0.0.1');
    });
    await Promise.all([listening(this.#toServer), listening(this.#toClient)]);
    return this.#toClient.address().port;
  }

  /** In the format of libpcap: a header of the file, then each packet behind its length. */
  capture(): Buffer {
    const header = Buffer.alloc(24);
    header.writeUInt32LE(0xa1b2c3d4, 0);
    header.writeUInt16LE(2, 4);
    header.writeUInt16LE(4, 6);
    header.writeUInt32LE(65_535, 16);
    const LINKTYPE_IPV4 = 228;
    header.writeUInt32LE(LINKTYPE_IPV4, 20);
    const packets = this.#packets.flatMap((packet, index) => {
      const head = Buffer.alloc(16);
      head.writeUInt32LE(index, 4);
      head.writeUInt32LE(packet.length, 8);
      head.writeUInt32LE(packet.length, 12);
      return [head, packet];
    });
    return Buffer.concat([header, ...packets]);
  }

  close(): void {
    this.#toClient.close();
    this.#toServer.close();
  }
}

async function listening(socket: Socket): Promise<void> {
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
}

function packetOf(from: number, to: number, data: Buffer): Buffer {
  const head = Buffer.from('450000000000400040110000' + '7f0000017f000001' + '0000000000000000', 'hex');
  head.writeUInt16BE(28 + data.length, 2);
  head.writeUInt16BE(from, 20);
  head.writeUInt16BE(to, 22);
  head.writeUInt16BE(8 + data.length, 24);
  return Buffer.concat([head, data]);
}

testWithTshark(
  'Wireshark reads the streams of a connection by the secrets that are written, and without them none',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kwik-wireshark-'));
    const [keys, capture] = [join(folder, 'keys'), join(folder, 'capture.pcap')];
    const resources = new ProcessResources();
    const end = resources.logTlsKeys(keys);
    const tap = new Wiretap();
    await using server = await TestServer.start({});
    const client = await Endpoint.bind({ resources });
    try {
      const port = await tap.open(server.port);
      const probe = new TransportProbe(await client.dial({ ...server.dialOptions(), port }));
      const accepted = await server.nextConnection();
      await probe.open().send(Buffer.from('what only the two may know'));
      const stream = await accepted.nextStream();
      await stream.ended.promise;
      await client.close();
      end();
      await writeFile(capture, tap.capture());
      const fields = (...options: string[]) =>
        execFileSync(TSHARK!, ['-r', capture, ...options, '-T', 'fields', '-e', 'quic.stream_data'], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        });
      expect(fields('-o', `tls.keylog_file:${keys}`)).toContain(
        Buffer.from('what only the two may know').toString('hex'),
      );
      expect(fields('-o', `tls.keylog_file:${keys}`, '-Y', 'quic.decryption_failed')).toBe('');
      expect(fields('-Y', 'quic.stream_data')).toBe('');
    } finally {
      end();
      tap.close();
      await client.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
);
