import type { Session, Stream } from '@kwik/session';
import { KwikError } from '@kwik/wire';
import { reportError } from '../errors.js';
import { ByteReader } from '../protocol/byte-reader.js';
import { errorOf } from '../protocol/failures.js';
import { encodeMessage, readMessage } from '../protocol/framing.js';
import { acceptedSchema, listenAnswerSchema, PROTOCOL_VERSION } from '../protocol/messages.js';
import { type ForwardSpec, nameOfTarget } from './forward-spec.js';
import { splice } from './splice.js';
import { connectTcp, TcpEnd } from './tcp-end.js';

const CONNECT_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 15_000;
const RESET_REFUSED = 2;

/** Ports of the server whose connections lead to servers here. */
export class RemoteListeners {
  readonly #specs: readonly ForwardSpec[];
  readonly #say: (line: string) => void;
  readonly #signal: AbortSignal;

  constructor(specs: readonly ForwardSpec[], say: (line: string) => void, signal: AbortSignal) {
    this.#specs = specs;
    this.#say = say;
    this.#signal = signal;
  }

  /** Has the server listen. Returns where, in the order of the specs; rejects when it may not, or cannot. */
  async open(session: Session): Promise<readonly string[]> {
    if (this.#specs.length === 0) return [];
    void this.#accept(session);
    return Promise.all(this.#specs.map((spec, listener) => this.#listen(session, spec, listener)));
  }

  /** The stream stays open: it is what the server listens for. */
  async #listen(session: Session, { listen }: ForwardSpec, listener: number): Promise<string> {
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
    const stream = await session.openStreamWhenReady({ signal });
    const { host, port } = listen;
    await stream.write(encodeMessage({ v: PROTOCOL_VERSION, op: 'listen', host, port, listener }), { signal });
    const answer = await readMessage(new ByteReader(stream), listenAnswerSchema, 'the answer', signal);
    if (answer === null) throw new KwikError('ERR_KWIK_SESSION_CLOSED', 'the server has ended the stream');
    if (!answer.ok) throw errorOf(answer, nameOfTarget(listen));
    return answer.address;
  }

  async #accept(session: Session): Promise<void> {
    try {
      for (;;) void this.#carry(await session.acceptStream({ signal: this.#signal }));
    } catch {
      // The session has ended, or the tunnel: nothing comes any more.
    }
  }

  async #carry(stream: Stream): Promise<void> {
    const reader = new ByteReader(stream);
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]);
    try {
      const accepted = await readMessage(reader, acceptedSchema, 'the accepted connection', signal);
      // Only to where the user said: what the server says chooses among that.
      const spec = accepted === null ? undefined : this.#specs[accepted.listener];
      if (spec === undefined) throw new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', 'a connection that nobody asked for');
      const socket = await connectTcp(spec.target, { timeoutMs: CONNECT_TIMEOUT_MS, signal });
      await splice(new TcpEnd(socket), stream, reader);
    } catch (error) {
      if (!this.#signal.aborted) this.#say(reportError(error).message);
      stream.reset(RESET_REFUSED);
      stream.stopSending(RESET_REFUSED);
    }
  }
}
