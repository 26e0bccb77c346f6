import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { ControlChannel, DEFAULT_LIMITS, type KcpBody } from '@kwik/kcp';
import { Endpoint } from '@kwik/quic';
import {
  DelimitedReader,
  PacketReader,
  decodeKcpMessage,
  encodePacket,
  proto,
  type PathTransport,
  type TransportStream,
  type TransportStreamHandler,
} from '@kwik/wire';
import {
  developmentAuthority,
  developmentCertificate,
} from '../../../packages/session/src/credentials/dev-authority.js';
import type { Scene } from './scene.js';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** Somebody with a certificate that clients on this machine accept, and no knowledge of any session. */
export interface Impostor {
  readonly port: number;
  /** Called for each connection. */
  onConnection: (transport: PathTransport) => void;
}

export async function withImpostor<T>(scene: Scene, run: (impostor: Impostor) => Promise<T>): Promise<T> {
  process.env['KWIK_DATA_DIR'] = `${scene.folder}/data`;
  const { certPem, keyPem } = await developmentCertificate(['127.0.0.1', 'localhost']);
  const endpoint = await Endpoint.bind();
  const impostor: Impostor = { port: endpoint.address().port, onConnection: () => undefined };
  endpoint.listen({ certPem, keyPem }, (transport) => impostor.onConnection(transport));
  try {
    return await run(impostor);
  } finally {
    await endpoint.close();
  }
}

/** Says hello to whoever joins, without the proof that it cannot make, and reads what comes. */
export function takeAnyJoin(impostor: Impostor, onText: (text: string) => void): void {
  impostor.onConnection = (transport) => {
    transport.attach({
      onSendable: () => undefined,
      onClose: () => undefined,
      onStream: (stream) => {
        if (stream.unidirectional) stream.attach(handler(readData(transport, onText)));
        else answerHello(stream);
      },
    });
  };
}

function answerHello(stream: TransportStream): void {
  const channel = new ControlChannel();
  const serverNonce = random(32);
  let join: proto.Join | undefined;
  const flush = (): void => {
    for (let bytes = channel.pollTransmit(performance.now()); bytes; bytes = channel.pollTransmit(performance.now())) {
      stream.write(bytes);
    }
  };
  const answer = (body: KcpBody): KcpBody | undefined => {
    if (body.$case === 'clientHello') {
      join = body.value.join;
      const value = { mechanism: 'join', data: new Uint8Array(0), serverNonce };
      return { $case: 'authChallenge', value };
    }
    return body.$case === 'authResponse' && join !== undefined ? serverHello(join, serverNonce) : undefined;
  };
  stream.attach(
    handler((data) => {
      channel.handleData(data, performance.now());
      for (let event = channel.nextEvent(); event !== undefined; event = channel.nextEvent()) {
        const reply = event.kind === 'message' ? answer(event.body) : undefined;
        if (reply !== undefined) channel.send(reply, performance.now());
      }
      flush();
    }),
  );
}

function serverHello({ sessionId, pathId }: proto.Join, serverNonce: Uint8Array): KcpBody {
  return {
    $case: 'serverHello',
    value: {
      ...proto.ServerHello.fromPartial({}),
      version: 1,
      limits: DEFAULT_LIMITS,
      serverNonce,
      sessionId,
      serverKey: random(32),
      pathId,
      serverId: 'impostor',
    },
  };
}

/** Tells the text of the client's streams, and answers in the primary's name. */
function readData(transport: PathTransport, onText: (text: string) => void): (data: Uint8Array) => void {
  const reader = new PacketReader(crc32);
  return (data) => {
    reader.push(data);
    for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
      for (const { body } of packet.frames) {
        if (body?.$case !== 'stream' || body.value.data.length === 0) continue;
        onText(Buffer.from(body.value.data).toString());
        forgeAnswer(transport, body.value.streamId);
      }
    }
  };
}

function forgeAnswer(transport: PathTransport, streamId: bigint): void {
  const stream = transport.openStream({ unidirectional: true });
  stream?.attach(handler(() => undefined));
  const data = new TextEncoder().encode('an answer that was forged');
  const value = { streamId, offset: 0n, flags: 1, priority: 0, data };
  const frames: proto.Frame[] = [{ body: { $case: 'stream', value } }];
  stream?.write(encodePacket({ packetNumber: 0n, type: proto.PacketType.DATA, frames }, crc32));
}

/** Passes the control stream of each client on to the true server, and back; tells the session's secret when it sees it. */
export async function relayHandshake(
  impostor: Impostor,
  port: number,
  onSecret: (secret: Uint8Array) => void,
): Promise<void> {
  const endpoint = await Endpoint.bind();
  const { certPem: ca } = await developmentAuthority();
  impostor.onConnection = (transport) => {
    const upward: Uint8Array[] = [];
    let up: TransportStream | undefined;
    transport.attach({
      onSendable: () => undefined,
      onClose: () => void endpoint.close(),
      onStream: (stream) => {
        if (stream.unidirectional) {
          stream.attach(handler(() => undefined));
          return;
        }
        stream.attach(handler((data) => (up === undefined ? upward.push(data.slice()) : up.write(data.slice()))));
        void connect(endpoint, port, ca, stream, onSecret).then((connected) => {
          up = connected;
          for (const data of upward) up.write(data);
        });
      },
    });
  };
}

async function connect(
  endpoint: Endpoint,
  port: number,
  ca: string,
  down: TransportStream,
  onSecret: (secret: Uint8Array) => void,
): Promise<TransportStream> {
  const server = await endpoint.dial({ host: '127.0.0.1', port, trust: { ca } });
  const ignore = (stream: TransportStream): void => stream.attach(handler(() => undefined));
  server.attach({ onSendable: () => undefined, onClose: () => undefined, onStream: ignore });
  const stream = server.openStream({ unidirectional: false })!;
  const reader = new DelimitedReader();
  stream.attach(
    handler((data) => {
      down.write(data.slice());
      reader.push(data);
      for (let bytes = reader.next(); bytes !== undefined; bytes = reader.next()) {
        const { body } = decodeKcpMessage(bytes);
        if (body?.$case === 'serverHello') onSecret(body.value.sessionSecret);
      }
    }),
  );
  return stream;
}

function handler(onData: (data: Uint8Array) => void): TransportStreamHandler {
  const nothing = (): void => undefined;
  return { onData, onEnd: nothing, onReset: nothing, onStopSending: nothing, onWritable: nothing };
}
