import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import quiche from '@matrixai/quic/native/quiche.js';
import type { Config, Connection, Host } from '@matrixai/quic/native/types.js';
import { Pattern, PatternReader } from '../../../harness/pattern.js';
import {
  CHUNK_BYTES,
  CONNECTION_WINDOW_BYTES,
  type Contender,
  STREAM_WINDOW_BYTES,
  type Settings,
} from '../contender.js';

/** The least that moves bytes: the native binding and node:dgram, no limits, one connection, no packet checked. */
export const minimal: Contender = {
  async serve({ certPem, keyPem }, settings) {
    const key = [Buffer.from(keyPem)];
    const cert = [Buffer.from(certPem)];
    const config = configure(quiche.Config.withBoringSslCtx(false, false, null, key, cert, null), settings);
    const socket = await bind();
    const local = { host: '127.0.0.1', port: socket.address().port };
    const pattern = new Pattern();
    let loop: Loop | undefined;
    let at = -1;
    socket.on('message', (datagram, from) => {
      const remote = { host: from.address, port: from.port };
      loop ??= new Loop(
        socket,
        quiche.Connection.accept(randomBytes(16), null, local, remote, config),
        local,
        remote,
        () => {
          if (loop === undefined) return;
          if (at < 0 && loop.read(0) !== undefined) at = 0;
          while (at >= 0 && at < settings.bytes) {
            const piece = pattern.piece(at, Math.min(CHUNK_BYTES, settings.bytes - at));
            const taken = loop.connection.streamSend(0, piece, at + piece.length === settings.bytes);
            if (taken === null || taken === 0) break;
            at += taken;
          }
        },
      );
      loop.receive(datagram);
    });
    return local.port;
  },

  async fetch(port, caPem, settings) {
    const start = performance.now();
    const reader = new PatternReader(new Pattern());
    const config = configure(
      quiche.Config.withBoringSslCtx(true, false, Buffer.from(caPem), null, null, null),
      settings,
    );
    const socket = await bind();
    const local = { host: '127.0.0.1', port: socket.address().port };
    const remote = { host: '127.0.0.1', port };
    const connection = quiche.Connection.connect(null, randomBytes(16), local, remote, config);
    return new Promise((resolve, reject) => {
      let asked = false;
      const loop = new Loop(socket, connection, local, remote, () => {
        if (!asked && connection.isEstablished()) {
          asked = true;
          connection.streamSend(0, Uint8Array.of(1), true);
        }
        try {
          for (let read = loop.read(0); read !== undefined; read = loop.read(0)) {
            reader.read(read.data);
            if (read.fin) resolve({ bytes: reader.bytes, seconds: (performance.now() - start) / 1000 });
          }
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
      socket.on('message', (datagram) => loop.receive(datagram));
      loop.flush();
    });
  },
};

class Loop {
  readonly #buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  readonly #out = Buffer.allocUnsafeSlow(65_536);
  #scheduled = false;
  #timer: NodeJS.Timeout | undefined;

  readonly #socket: Socket;
  readonly #local: Host;
  readonly #remote: Host;
  readonly #work: () => void;

  constructor(
    socket: Socket,
    readonly connection: Connection,
    local: Host,
    remote: Host,
    work: () => void,
  ) {
    this.#socket = socket;
    this.#local = local;
    this.#remote = remote;
    this.#work = work;
  }

  receive(datagram: Buffer): void {
    this.connection.recv(datagram, { from: this.#remote, to: this.#local });
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.flush());
  }

  /** The data is gone with the next call. */
  read(stream: number): { data: Uint8Array; fin: boolean } | undefined {
    if (!this.connection.streamReadable(stream)) return undefined;
    const read = this.connection.streamRecv(stream, this.#buffer);
    return read === null ? undefined : { data: this.#buffer.subarray(0, read[0]), fin: read[1] };
  }

  flush(): void {
    this.#scheduled = false;
    this.#work();
    for (let sent = this.connection.send(this.#out); sent !== null; sent = this.connection.send(this.#out)) {
      this.#socket.send(Uint8Array.prototype.slice.call(this.#out, 0, sent[0]), this.#remote.port, this.#remote.host);
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.connection.onTimeout();
      this.flush();
    }, this.connection.timeout() ?? 1000);
  }
}

function configure(config: Config, settings: Settings): Config {
  config.setApplicationProtos(['kwik/1']);
  config.setCcAlgorithmName('bbr');
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
