import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import type { Stream } from '@kwik/session';
import { abortable } from '../abortable.js';
import type { HostPort } from '../address.js';
import type { ByteReader } from '../protocol/byte-reader.js';
import { sendFrom, type UdpFlow, type UdpFlows } from '../protocol/udp-flows.js';

/** For its name to be looked up. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Read from the client's stream in one go; it has nothing to say there but its end. */
const DISCARD_BYTES = 1024;
/** A client gives a flow up that has been still for a minute; one that is gone without a word does not. */
const IDLE_MS = 120_000;

/** A UDP socket here, which sends to one target and hears nobody else, and the flow of a client that it is for. */
export class UdpForward {
  readonly #socket: Socket;
  readonly #flow: UdpFlow;
  readonly #gone = new AbortController();
  readonly #idle: NodeJS.Timeout;

  private constructor(flows: UdpFlows, id: number, socket: Socket, idleMs: number) {
    this.#socket = socket;
    this.#flow = flows.open(id, (data) => {
      this.#idle.refresh();
      sendFrom(socket, data);
    });
    this.#idle = setTimeout(() => this.#gone.abort(), idleMs).unref();
    socket.on('message', (data) => {
      this.#idle.refresh();
      this.#flow.send(data);
    });
  }

  /** Rejects as `UdpFlows.open` throws, and as the system does for a target that cannot be. */
  static async open(
    flows: UdpFlows,
    { host, port, flow }: HostPort & { readonly flow: number },
    { signal, idleMs = IDLE_MS }: { readonly signal: AbortSignal; readonly idleMs?: number },
  ): Promise<UdpForward> {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]);
    const { address, family } = await abortable(lookup(host), limited);
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    try {
      socket.connect(port, address);
      await once(socket, 'connect', { signal: limited });
      // Nobody there yet is no end: the next datagram may find somebody.
      socket.on('error', () => undefined);
      return new UdpForward(flows, flow, socket, idleMs);
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  /** Until the client ends its stream, its session ends, or nothing has come for long. Never rejects. */
  async serve(stream: Stream, reader: ByteReader, signal: AbortSignal): Promise<void> {
    try {
      const over = AbortSignal.any([signal, this.#gone.signal]);
      while ((await reader.readSome(DISCARD_BYTES, over)) !== null);
    } catch {
      // The client or its session has gone, or the flow is still.
    } finally {
      this.close();
      stream.stopSending();
      await stream.close().catch(() => undefined);
    }
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#flow.close();
    this.#socket.close();
  }
}
