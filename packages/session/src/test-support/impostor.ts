import { ControlChannel, DEFAULT_LIMITS, type KcpBody } from '@kwik/kcp';
import type { PathTransport, TransportStream } from '@kwik/wire';

/** What an impostor says of the secret that it does not have: nothing, or something made up. */
export type MadeUpProof = 'none' | 'rubbish';

/**
 * A server that passes TLS in a primary's place and knows nothing of its sessions: neither secret nor id. It asks whoever
 * comes back for the proof, takes any, welcomes it, and reads what comes.
 */
export class Impostor {
  readonly #proof: MadeUpProof;
  readonly #onRead: (what: string) => void;
  /** Connections on which a client said hello, and on which it proved itself. */
  hellos = 0;
  proofs = 0;
  /** Of the client's streams: none may ever come. */
  streamBytes = 0;
  /** Control messages after its welcome: none may ever come. */
  messages = 0;

  /** `onRead` is told of everything that it should never get. */
  constructor(proof: MadeUpProof = 'none', onRead: (what: string) => void = () => undefined) {
    this.#proof = proof;
    this.#onRead = onRead;
  }

  /** Takes a connection as a listener does. */
  accept(transport: PathTransport): void {
    transport.attach({
      onSendable: () => undefined,
      onClose: () => undefined,
      onStream: (stream) => {
        if (stream.unidirectional) listenTo(stream, (chunk) => this.#read(chunk));
        else this.#talk(stream);
      },
    });
  }

  #read({ length }: Uint8Array): void {
    this.streamBytes += length;
    this.#onRead(`${length} bytes of streams`);
  }

  #talk(stream: TransportStream): void {
    const channel = new ControlChannel();
    let hello: Extract<KcpBody, { $case: 'clientHello' }>['value'] | undefined;
    const answer = (body: KcpBody): KcpBody | undefined => {
      if (body.$case === 'clientHello' && hello === undefined) {
        hello = body.value;
        this.hellos++;
        return { $case: 'authChallenge', value: { mechanism: 'join', data: new Uint8Array(0), serverNonce: NONCE } };
      }
      if (body.$case === 'authResponse' && hello?.join !== undefined) {
        this.proofs++;
        return this.#welcome(hello.join);
      }
      if (body.$case === 'error' || body.$case === 'close') return undefined;
      this.messages++;
      this.#onRead(`the message ${body.$case}`);
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
