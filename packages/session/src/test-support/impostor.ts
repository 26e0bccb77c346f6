import { crc32 } from 'node:zlib';
import { ControlChannel, DEFAULT_LIMITS, type KcpBody } from '@kwik/kcp';
import { PacketReader, type PathTransport, type TransportStream } from '@kwik/wire';

/** What an impostor says of the secret that it does not have: nothing, or something made up. */
export type MadeUpProof = 'none' | 'rubbish';

/**
 * Whose place an impostor takes. A primary has to prove the session's secret before it gets anything at all. A secondary is
 * known by TLS alone, so whoever has its key is told by design what it is to serve, and ranges are asked of it with the
 * hello; but the bytes of the application's streams are not its business.
 */
export type ImpostorPlace = 'primary' | 'secondary';

/**
 * A server that passes TLS in another's place and knows nothing of its sessions: neither secret nor id. It asks whoever
 * comes back for the proof, takes any, welcomes it, and reads what comes.
 */
export class Impostor {
  readonly #proof: MadeUpProof;
  readonly #place: ImpostorPlace;
  readonly #onRead: (what: string) => void;
  /** Connections on which a client said hello, and on which it proved itself. */
  hellos = 0;
  proofs = 0;
  /** Of the application's streams; in a primary's place, of whatever comes outside of the control stream. */
  streamBytes = 0;
  /** Control messages after its welcome. */
  messages = 0;

  /** @param onRead is told of everything that it should never get in that place */
  constructor(
    proof: MadeUpProof = 'none',
    onRead: (what: string) => void = () => undefined,
    place: ImpostorPlace = 'primary',
  ) {
    this.#proof = proof;
    this.#place = place;
    this.#onRead = onRead;
  }

  /** Takes a connection as a listener does. */
  accept(transport: PathTransport): void {
    transport.attach({
      onSendable: () => undefined,
      onClose: () => undefined,
      onStream: (stream) => {
        if (!stream.unidirectional) this.#talk(stream);
        else if (this.#place === 'primary') listenTo(stream, ({ length }) => this.#read(length));
        else listenTo(stream, this.#packetListener());
      },
    });
  }

  #read(bytes: number): void {
    this.streamBytes += bytes;
    this.#onRead(`${bytes} bytes of streams`);
  }

  /** Acknowledgements, windows and the like tell a secondary nothing; stream frames would. */
  #packetListener(): (chunk: Uint8Array) => void {
    const reader = new PacketReader(crc32);
    return (chunk) => {
      reader.push(chunk);
      for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
        for (const { body } of packet.frames) if (body?.$case === 'stream') this.#read(body.value.data.length);
      }
    };
  }

  #talk(stream: TransportStream): void {
    const channel = new ControlChannel();
    let hello: Extract<KcpBody, { $case: 'clientHello' }>['value'] | undefined;
    const answer = (body: KcpBody): KcpBody | undefined => {
      if (body.$case === 'clientHello' && hello === undefined) {
        hello = body.value;
        this.hellos++;
        // A secondary asks for nothing more: the proof of the session came with the hello.
        if (this.#place === 'secondary' && hello.join !== undefined) return this.#welcome(hello.join);
        return { $case: 'authChallenge', value: { mechanism: 'join', data: new Uint8Array(0), serverNonce: NONCE } };
      }
      if (body.$case === 'authResponse' && hello?.join !== undefined) {
        this.proofs++;
        return this.#welcome(hello.join);
      }
      if (body.$case === 'error' || body.$case === 'close') return undefined;
      this.messages++;
      if (this.#place === 'primary') this.#onRead(`the message ${body.$case}`);
      return undefined;
    };
    listenTo(stream, (chunk) => {
      channel.handleData(chunk, 0);
      for (let event = channel.nextEvent(); event !== undefined; event = channel.nextEvent()) {
        const body = event.kind === 'message' ? answer(event.body) : undefined;
        if (body !== undefined) channel.send(body, 0);
      }
      for (let bytes = channel.pollTransmit(0); bytes !== undefined; bytes = channel.pollTransmit(0)) {
        stream.write(bytes);
      }
    });
  }

  #welcome({ sessionId, pathId }: { sessionId: Uint8Array; pathId: number }): KcpBody {
    const value = {
      version: 1,
      capabilities: [],
      limits: DEFAULT_LIMITS,
      serverNonce: NONCE,
      sessionId,
      sessionSecret: new Uint8Array(0),
      serverKey: new Uint8Array(32),
      pathId,
      serverId: 'impostor',
      proof: this.#proof === 'none' ? new Uint8Array(0) : new Uint8Array(32).fill(7),
    };
    return { $case: 'serverHello', value };
  }
}

const NONCE = new Uint8Array(32).fill(9);

function listenTo(stream: TransportStream, onData: (chunk: Uint8Array) => void): void {
  stream.attach({
    onData,
    onEnd: () => undefined,
    onReset: () => undefined,
    onStopSending: () => undefined,
    onWritable: () => undefined,
  });
}
