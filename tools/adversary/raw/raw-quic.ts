import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { AckedSending } from './acked-sending.js';
import { cryptoFrame } from './frames.js';
import { readFrames, type RawFrame } from './frame-reader.js';
import { buildLong, buildShort, inspect, unprotect, type Level } from './packet-codec.js';
import { OrderedPieces } from './ordered-pieces.js';
import { initialKeys, type PacketKeys } from './packet-keys.js';
import { PacketNumbers } from './packet-numbers.js';
import { HandshakeReader, TlsClient } from './tls-client.js';
import { transportParameters, type Offer } from './transport-parameters.js';

const ID_BYTES = 8;
const INITIAL_BYTES = 1200;
const RETRY_AFTER_MS = 500;
const HANDSHAKE_TIMEOUT_MS = 5000;
const SOCKET_BUFFER_BYTES = 4 << 20;

export interface RawOptions {
  readonly port: number;
  readonly localAddress?: string;
  readonly offer?: Offer;
  /** Falls silent after the server's first flight: a handshake that is never finished. */
  readonly halfOpen?: boolean;
}

export interface RawClose {
  readonly application: boolean;
  readonly code: bigint;
  readonly reason: string;
}

/**
 * A client of QUIC v1 that can say anything: it keeps to none of the protocol's rules but those that an attack needs.
 * It verifies nothing, knows no congestion control, and speaks to loopback only.
 */
export class RawQuic {
  readonly #options: RawOptions;
  readonly #sourceId = randomBytes(ID_BYTES);
  readonly #tls: TlsClient;
  readonly #numbers: Readonly<Record<Level, PacketNumbers>> = {
    initial: new PacketNumbers(),
    handshake: new PacketNumbers(),
    application: new PacketNumbers(),
  };
  readonly #messages: Readonly<Record<Level, HandshakeReader>> = {
    initial: new HandshakeReader(),
    handshake: new HandshakeReader(),
    application: new HandshakeReader(),
  };
  readonly #streams = new Map<bigint, OrderedPieces>();
  readonly #send = new Map<Level, PacketKeys>();
  readonly #receive = new Map<Level, PacketKeys>();
  readonly #socket: Socket = createSocket({
    type: 'udp4',
    recvBufferSize: SOCKET_BUFFER_BYTES,
    sendBufferSize: SOCKET_BUFFER_BYTES,
  });
  #destinationId: Buffer = randomBytes(ID_BYTES);
  #token: Buffer = Buffer.alloc(0);
  #answered = false;
  #retried = false;
  #silent = false;
  #open = false;
  #settle: (error?: Error) => void = () => undefined;
  /** Off: nothing that the server sends is acknowledged any more. */
  acknowledges = true;
  closed: RawClose | undefined;
  receivedBytes = 0;
  /** What is sent again until it is acknowledged, within the peer's flow control. */
  readonly acked = new AckedSending((frames) => this.send(frames));
  /** The bytes of a stream, in order. */
  onStream: (id: bigint, data: Buffer) => void = () => undefined;

  constructor(options: RawOptions) {
    this.#options = options;
    this.#tls = new TlsClient('kwik/1', transportParameters(this.#sourceId, options.offer ?? {}));
  }

  get localPort(): number {
    return this.#socket.address().port;
  }

  /** The id that the server gave this connection. */
  get serverId(): Buffer {
    return this.#destinationId;
  }

  /** The server's certificate, DER. */
  get serverCertificate(): Buffer {
    return this.#tls.leaf;
  }

  get sawServer(): boolean {
    return this.#send.has('handshake');
  }

  /** Resolves when the handshake is over; with `halfOpen`, when the server's first flight is here. */
  async connect(timeoutMs = HANDSHAKE_TIMEOUT_MS): Promise<this> {
    this.#socket.bind({ address: this.#options.localAddress ?? '127.0.0.1', port: 0 });
    await once(this.#socket, 'listening');
    this.#socket.on('error', () => undefined);
    this.#socket.on('message', (datagram) => this.#handleDatagram(datagram));
    const done = new Promise<void>((resolve, reject) => {
      this.#settle = (error) => (error === undefined ? resolve() : reject(error));
    });
    const deadline = setTimeout(() => this.#settle(new Error('no answer to the handshake')), timeoutMs);
    const again = setInterval(() => {
      if (!this.#answered) this.#sendHello();
    }, RETRY_AFTER_MS);
    this.#useInitialKeys();
    this.#sendHello();
    try {
      await done;
      return this;
    } finally {
      clearTimeout(deadline);
      clearInterval(again);
    }
  }

  /** Sends a 1-RTT packet with these frames; its number. */
  send(frames: Buffer): bigint {
    const number = this.#numbers.application.next();
    const keys = this.#send.get('application');
    if (keys !== undefined) this.#transmit(buildShort(keys, number, this.#destinationId, frames));
    return number;
  }

  destroy(): void {
    this.#silent = true;
    this.acked.stop();
    this.#socket.close();
  }

  #useInitialKeys(): void {
    const { client, server } = initialKeys(this.#destinationId);
    this.#send.set('initial', client);
    this.#receive.set('initial', server);
  }

  #sendHello(): void {
    this.#sendLong('initial', cryptoFrame(this.#tls.hello), INITIAL_BYTES);
  }

  #sendLong(level: 'initial' | 'handshake', frames: Buffer, padTo = 0): void {
    const keys = this.#send.get(level);
    if (keys === undefined) return;
    const header = { level, destinationId: this.#destinationId, sourceId: this.#sourceId, token: this.#token };
    this.#transmit(buildLong(keys, this.#numbers[level].next(), header, frames, padTo));
  }

  #transmit(datagram: Buffer): void {
    if (!this.#silent) this.#socket.send(datagram, this.#options.port, '127.0.0.1');
  }

  #handleDatagram(datagram: Buffer): void {
    this.receivedBytes += datagram.length;
    for (let rest = datagram; rest.length > 0 && !this.#silent; ) {
      const used = this.#handlePacket(rest);
      if (used <= 0) break;
      rest = rest.subarray(used);
    }
    this.#acknowledge();
  }

  /** How many bytes the packet took of its datagram. */
  #handlePacket(datagram: Buffer): number {
    const packet = inspect(datagram, ID_BYTES);
    if (packet.kind === 'retry') this.#handleRetry(packet.token, packet.sourceId);
    if (packet.kind !== 'sealed') return datagram.length;
    const keys = this.#receive.get(packet.level);
    if (keys === undefined) return packet.end;
    if (!this.#answered) {
      this.#answered = true;
      this.#destinationId = packet.sourceId;
    }
    const numbers = this.#numbers[packet.level];
    const opened = unprotect(keys, datagram, packet, numbers.largest);
    if (opened === undefined) return packet.end;
    const { frames, elicits } = readFrames(opened.payload);
    numbers.received(opened.number, elicits);
    for (const frame of frames) this.#handleFrame(packet.level, frame);
    return packet.end;
  }

  #handleRetry(token: Buffer, sourceId: Buffer): void {
    if (this.#retried) return;
    this.#retried = true;
    this.#token = token;
    this.#destinationId = sourceId;
    this.#useInitialKeys();
    this.#sendHello();
  }

  #handleFrame(level: Level, frame: RawFrame): void {
    switch (frame.kind) {
      case 'crypto':
        for (const message of this.#messages[level].push(frame.offset, frame.data)) this.#handleMessage(level, message);
        break;
      case 'ack':
        if (level === 'application') this.acked.handleAck(frame.ranges);
        break;
      case 'stream':
        this.#handleStream(frame.id, frame.offset, frame.data);
        break;
      case 'maxData':
        this.acked.maxData = frame.limit;
        break;
      case 'maxStreamData':
        this.acked.maxStreamData.set(frame.id, frame.limit);
        break;
      case 'close':
        this.closed = { application: frame.application, code: frame.code, reason: frame.reason };
        this.acked.stop();
        this.#settle(new Error(`closed in the handshake: ${frame.code} ${frame.reason}`));
        break;
      case 'other':
        break;
    }
  }

  #handleStream(id: bigint, offset: number, data: Buffer): void {
    const pieces = this.#streams.get(id) ?? new OrderedPieces();
    this.#streams.set(id, pieces);
    const ready = pieces.push(offset, data);
    if (ready.length > 0) this.onStream(id, ready);
  }

  #handleMessage(level: Level, message: Buffer): void {
    if (level === 'application') return;
    const step = this.#tls.handle(message);
    if (step === undefined) return;
    const next = step.kind === 'finished' ? 'application' : 'handshake';
    this.#send.set(next, step.keys.client);
    this.#receive.set(next, step.keys.server);
    if (this.#options.halfOpen === true) {
      this.#silent = true;
      this.#settle();
    } else if (step.kind === 'finished') {
      this.#sendLong('handshake', Buffer.concat([this.#numbers.handshake.ackFrame(), cryptoFrame(step.flight)]));
      this.#open = true;
      this.#settle();
    }
  }

  #acknowledge(): void {
    if (!this.acknowledges) return;
    for (const level of ['initial', 'handshake'] as const) {
      if (this.#numbers[level].takeDue() && !this.#open) {
        this.#sendLong(level, this.#numbers[level].ackFrame(), level === 'initial' ? INITIAL_BYTES : 0);
      }
    }
    if (this.#numbers.application.takeDue() && this.#open) this.send(this.#numbers.application.ackFrame());
  }
}
