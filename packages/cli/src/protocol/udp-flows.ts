import type { Socket } from 'node:dgram';
import type { Session } from '@kwik/session';
import { KwikError } from '@kwik/wire';

/** Datagrams that wait for the kernel at one socket; more are lost, as they would be in its own queue. */
const MAX_QUEUED = 1024;
/** A datagram of the session begins with the number of its flow, the most significant byte first. */
const HEAD_BYTES = 4;

/** What is needed of a session. */
export type DatagramSession = Pick<Session, 'datagrams' | 'maxDatagramSize' | 'sendDatagram'>;

/** The datagrams of one flow, both ways, until it is closed. */
export interface UdpFlow {
  /** Sends one to the other end, or drops it: too large, too many, or the session has ended. */
  send(data: Uint8Array): void;
  close(): void;
}

const MAX_FLOW_ID = 2 ** 32 - 1;

/** The flows of each session that has some. */
export class UdpSessions {
  readonly #known = new WeakMap<DatagramSession, UdpFlows>();

  of(session: DatagramSession): UdpFlows {
    const flows = this.#known.get(session) ?? new UdpFlows(session);
    this.#known.set(session, flows);
    return flows;
  }
}

/** The datagrams of a session, each of which belongs to a flow that both ends know by a number of the client's. */
export class UdpFlows {
  readonly #session: DatagramSession;
  readonly #flows = new Map<number, (data: Uint8Array) => void>();
  #reading = false;
  #lastId = 0;

  constructor(session: DatagramSession) {
    this.#session = session;
  }

  /** For the client: a number that was not used before, or not for long. */
  nextId(): number {
    this.#lastId = this.#lastId === MAX_FLOW_ID ? 0 : this.#lastId + 1;
    return this.#lastId;
  }

  /**
   * `id`: 0 to 2^32 - 1. `onDatagram` must not throw: that would end all flows. Throws ERR_KWIK_UNSUPPORTED where the other end
   * takes no datagrams, ERR_KWIK_INVALID_ARGUMENT where the flow is open already.
   */
  open(id: number, onDatagram: (data: Uint8Array) => void): UdpFlow {
    if (this.#session.maxDatagramSize === 0) {
      throw new KwikError('ERR_KWIK_UNSUPPORTED', 'the other end takes no datagrams');
    }
    if (this.#flows.has(id)) throw new KwikError('ERR_KWIK_INVALID_ARGUMENT', `flow ${id} is open already`);
    this.#flows.set(id, onDatagram);
    if (!this.#reading) this.#read().catch(() => undefined);
    this.#reading = true;
    return {
      send: (data) => this.#send(id, data),
      close: () => {
        if (this.#flows.get(id) === onDatagram) this.#flows.delete(id);
      },
    };
  }

  #send(id: number, data: Uint8Array): void {
    const datagram = Buffer.allocUnsafe(HEAD_BYTES + data.length);
    datagram.writeUInt32BE(id);
    datagram.set(data, HEAD_BYTES);
    try {
      this.#session.sendDatagram(datagram);
    } catch {
      // As a network would: what does not fit, and what nobody carries any more, is dropped.
    }
  }

  async #read(): Promise<void> {
    for await (const data of this.#session.datagrams()) {
      if (data.length < HEAD_BYTES) continue;
      const id = Buffer.from(data.buffer, data.byteOffset, HEAD_BYTES).readUInt32BE();
      this.#flows.get(id)?.(data.subarray(HEAD_BYTES));
    }
  }
}

/** Sends what came of a flow, `to` an address, or where the socket is connected; drops it where too many wait already. */
export function sendFrom(
  socket: Socket,
  data: Uint8Array,
  to?: { readonly port: number; readonly address: string },
): void {
  if (socket.getSendQueueCount() >= MAX_QUEUED) return;
  // What the system does not send is lost, as on any network.
  const done = (): void => undefined;
  if (to === undefined) socket.send(data, done);
  else socket.send(data, to.port, to.address, done);
}
