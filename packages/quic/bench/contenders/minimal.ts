import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import quiche from '@matrixai/quic/native/quiche.js';
import type { Config, Connection, Host } from '@matrixai/quic/native/types.js';
import {
  CHUNK_BYTES,
  CONNECTION_WINDOW_BYTES,
  type Contender,
  STREAM_WINDOW_BYTES,
  type Settings,
} from './contender.js';

/** The least that moves bytes: the native binding and node:dgram, no limits, one connection, nothing checked. */
export const minimal: Contender = {
  async serve(issued, settings) {
    const key = [Buffer.from(issued.keyPem)];
    const cert = [Buffer.from(issued.certPem)];
    const config = configure(quiche.Config.withBoringSslCtx(false, false, null, key, cert, null), settings);
    const socket = await bind();
    const local = { host: '127.0.0.1', port: socket.address().port };
    const chunk = Buffer.alloc(CHUNK_BYTES, 7);
    let loop: Loop | undefined;
    let left = -1;
    socket.on('message', (datagram, from) => {
      const remote = { host: from.address, port: from.port };
      loop ??= new Loop(
        socket,
        quiche.Connection.accept(randomBytes(16), null, local, remote, config),
        local,
        remote,
        () => {
          if (loop === undefined) return;
          if (left < 0 && loop.read(0) !== undefined) left = settings.bytes;
          while (left > 0) {
            const taken = loop.connection.streamSend(
              0,
              left < chunk.length ? chunk.subarray(0, left) : chunk,
              left <= chunk.length,
            );
            if (taken === null || taken === 0) break;
            left -= taken;
          }
        },
      );
      loop.receive(datagram);
    });
    return local.port;
  },

  async fetch(port, caPem, settings) {
    const config = configure(
      quiche.Config.withBoringSslCtx(true, false, Buffer.from(caPem), null, null, null),
      settings,
    );
    const socket = await bind();
    const local = { host: '127.0.0.1', port: socket.address().port };
    const remote = { host: '127.0.0.1', port };
    const connection = quiche.Connection.connect(null, randomBytes(16), local, remote, config);
    return new Promise((resolve) => {
      let start = 0;
      let received = 0;
      const loop = new Loop(socket, connection, local, remote, () => {
        if (start === 0 && connection.isEstablished()) {
          start = performance.now();
          connection.streamSend(0, Uint8Array.of(1), true);
        }
        for (let read = loop.read(0); read !== undefined; read = loop.read(0)) {
          received += read.bytes;
          if (read.fin) resolve({ bytes: received, seconds: (performance.now() - start) / 1000 });
        }
      });
      socket.on('message', (datagram) => loop.receive(datagram));
      loop.flush();
    });
  },
};

class Loop {
  private readonly buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  private readonly out = Buffer.allocUnsafeSlow(65_536);
  private scheduled = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly socket: Socket,
    readonly connection: Connection,
    private readonly local: Host,
    private readonly remote: Host,
    private readonly work: () => void,
  ) {}

  receive(datagram: Buffer): void {
    this.connection.recv(datagram, { from: this.remote, to: this.local });
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.flush());
  }

  read(stream: number): { bytes: number; fin: boolean } | undefined {
    if (!this.connection.streamReadable(stream)) return undefined;
    const read = this.connection.streamRecv(stream, this.buffer);
    return read === null ? undefined : { bytes: read[0], fin: read[1] };
  }

  flush(): void {
    this.scheduled = false;
    this.work();
    for (let sent = this.connection.send(this.out); sent !== null; sent = this.connection.send(this.out)) {
      this.socket.send(Uint8Array.prototype.slice.call(this.out, 0, sent[0]), this.remote.port, this.remote.host);
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.connection.onTimeout();
      this.flush();
    }, this.connection.timeout() ?? 1000);
  }
}

function configure(config: Config, settings: Settings): Config {
  config.setApplicationProtos(['kwik/1']);
  config.setCcAlgorithmName(settings.congestionControl);
  config.setMaxIdleTimeout(30_000);
  config.setMaxSendUdpPayloadSize(settings.datagramBytes);
  config.setMaxRecvUdpPayloadSize(65_527);
  config.setInitialMaxData(CONNECTION_WINDOW_BYTES);
  config.setMaxConnectionWindow(CONNECTION_WINDOW_BYTES);
  config.setInitialMaxStreamDataBidiLocal(STREAM_WINDOW_BYTES);
  config.setInitialMaxStreamDataBidiRemote(STREAM_WINDOW_BYTES);
  config.setMaxStreamWindow(STREAM_WINDOW_BYTES);
  config.setInitialMaxStreamsBidi(100);
  return config;
}

async function bind(): Promise<Socket> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  socket.setRecvBufferSize(4 * 1024 * 1024);
  socket.setSendBufferSize(4 * 1024 * 1024);
  return socket;
}
