import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import {
  ClientHandshake,
  ControlChannel,
  DEFAULT_LIMITS,
  noneClientAuth,
  type ClientHandshakeResult,
  type KcpBody,
} from '@kwik/kcp';
import { encodePacket, proto } from '@kwik/wire';
import { RawQuic, type RawOptions } from './raw-quic.js';

const HELLO_TIMEOUT_MS = 8000;
const CONTROL_STREAM = 0n;
/** The first unidirectional stream of the client: its packets go there. */
const DATA_STREAM = 2n;

export type DataFrame = proto.Frame;

/** A session of KWIK over a raw client: a hello as the protocol wants it, then whatever the attack says. */
export class RawSession {
  readonly quic: RawQuic;
  readonly #channel = new ControlChannel();
  #packetNumber = 0n;
  onControl: (body: KcpBody) => void = () => undefined;

  constructor(options: RawOptions) {
    this.quic = new RawQuic(options);
  }

  async open(): Promise<this> {
    await this.quic.connect();
    const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
    const handshake = new ClientHandshake({
      purpose: { kind: 'open' },
      auth: [noneClientAuth()],
      capabilities: [proto.Capability.REPLICA, proto.Capability.RAW, proto.Capability.COMPRESSION],
      limits: { ...DEFAULT_LIMITS, maxBidiStreams: 1024, maxUniStreams: 1024 },
      random,
      agent: 'raw',
      channelBinding: createHash('sha256').update(this.quic.serverCertificate).digest(),
    });
    const opened = new Promise<ClientHandshakeResult>((resolve, reject) => {
      setTimeout(() => reject(new Error('no answer to the hello')), HELLO_TIMEOUT_MS).unref();
      this.quic.onStream = (id, data) => {
        if (id === CONTROL_STREAM) this.#handleControl(handshake, data, resolve, reject);
      };
    });
    this.control(handshake.start());
    const { sessionId } = await opened;
    this.#channel.setSessionId(sessionId);
    return this;
  }

  control(body: KcpBody): void {
    this.#channel.send(body, performance.now());
    this.#flush();
  }

  /** A packet of frames, encoded, under the next number or the one given. */
  packet(frames: DataFrame[], number = this.#packetNumber++): Buffer {
    return Buffer.from(encodePacket({ packetNumber: number, type: proto.PacketType.DATA, frames }, crc32));
  }

  /** A packet whose frames are compressed already. */
  compressedPacket(compressed: Uint8Array, originalBytes: number): Buffer {
    return Buffer.from(
      encodePacket(
        {
          packetNumber: this.#packetNumber++,
          type: proto.PacketType.DATA,
          frames: [],
          compression: { algorithm: proto.CompressionAlgorithm.DEFLATE, originalBytes },
          compressedFrames: compressed,
        },
        crc32,
      ),
    );
  }

  write(packet: Uint8Array): Promise<void> {
    return this.quic.acked.write(DATA_STREAM, packet);
  }

  #handleControl(
    handshake: ClientHandshake,
    data: Buffer,
    resolve: (result: ClientHandshakeResult) => void,
    reject: (error: unknown) => void,
  ): void {
    this.#channel.handleData(new Uint8Array(data), performance.now());
    for (let event = this.#channel.nextEvent(); event !== undefined; event = this.#channel.nextEvent()) {
      if (event.kind !== 'message') continue;
      this.onControl(event.body);
      try {
        const step = handshake.handle(event.body);
        if (step.send !== undefined) this.control(step.send);
        if (step.done !== undefined) resolve(step.done);
      } catch (error) {
        reject(error);
      }
    }
    this.#flush();
  }

  #flush(): void {
    for (;;) {
      const bytes = this.#channel.pollTransmit(performance.now());
      if (bytes === undefined) return;
      void this.quic.acked.write(CONTROL_STREAM, bytes);
    }
  }
}

/** A frame of stream data. */
export function streamData(streamId: number | bigint, offset: number, data: Uint8Array, fin = false): DataFrame {
  return {
    body: {
      $case: 'stream',
      value: { streamId: BigInt(streamId), offset: BigInt(offset), flags: fin ? 1 : 0, priority: 0, data },
    },
  };
}
