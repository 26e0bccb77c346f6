import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Session } from '@kwik/session';
import { formatHostPort, type HostPort } from '../address.js';
import { reportError } from '../errors.js';
import { sendFrom, type UdpFlow, type UdpSessions } from '../protocol/udp-flows.js';
import { nameOfTarget } from './forward-spec.js';
import { askThrough, type RemoteConnection } from './remote-connection.js';

/** Programs that send to one port at once; each has a flow, a stream, and a socket at the server. Others are not heard. */
const MAX_SOURCES = 256;
/** Of one program, while the server is asked. */
const MAX_WAITING = 16;
/** A flow without a datagram for so long is given up; the next one opens another. */
const IDLE_MS = 60_000;
/** The server said no: what comes for so long is dropped, rather than to ask for each datagram. */
const REFUSED_MS = 5000;
/** Read from the server's stream in one go; it has nothing to say there but its end. */
const DISCARD_BYTES = 1024;

export interface UdpListenerParts {
  /** Port 0 lets the system choose. */
  readonly listen: HostPort;
  readonly target: HostPort;
  /** Of all sessions of the tunnel. */
  readonly udp: UdpSessions;
  session(signal: AbortSignal): Promise<Session>;
  /** Tells the user something in one line. */
  say(line: string): void;
  /** Default: a minute. */
  readonly idleMs?: number;
}

interface Source {
  readonly over: AbortController;
  readonly idle: NodeJS.Timeout;
  /** Undefined while the server is asked. */
  flow: UdpFlow | undefined;
  waiting: Uint8Array[];
}

/** A UDP port here whose datagrams go on at the server, each sender's from a socket of its own there, and whose answers come back. */
export class UdpListener {
  readonly #socket: Socket;
  readonly #parts: UdpListenerParts;
  /** By `host:port`. */
  readonly #sources = new Map<string, Source>();

  private constructor(socket: Socket, parts: UdpListenerParts) {
    this.#socket = socket;
    this.#parts = parts;
    socket.on('message', (data, from) => this.#heard(data, from));
    socket.on('error', (error) => parts.say(`${this.address}: ${reportError(error).message}`));
  }

  /** Rejects with the error of the system when the port cannot be had. */
  static async open(parts: UdpListenerParts): Promise<UdpListener> {
    const { host, port } = parts.listen;
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    try {
      socket.bind(port, host);
      await once(socket, 'listening');
      return new UdpListener(socket, parts);
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  /** `host:port`, with the port that the system chose. */
  get address(): string {
    const { address, port } = this.#socket.address();
    return formatHostPort({ host: address, port });
  }

  /** Programs whose datagrams are carried, or were refused of late. */
  get sources(): number {
    return this.#sources.size;
  }

  close(): void {
    for (const { over } of this.#sources.values()) over.abort();
    this.#socket.close();
  }

  #heard(data: Uint8Array, from: RemoteInfo): void {
    // A sender that cannot be answered: such an address can be made up, and a socket takes it for a mistake.
    if (from.port === 0) return;
    const name = formatHostPort({ host: from.address, port: from.port });
    const source = this.#sources.get(name) ?? this.#begin(name, from);
    if (source === undefined) return;
    source.idle.refresh();
    if (source.flow !== undefined) source.flow.send(data);
    else if (source.waiting.length < MAX_WAITING) source.waiting.push(data);
  }

  #begin(name: string, from: RemoteInfo): Source | undefined {
    if (this.#sources.size >= MAX_SOURCES) return undefined;
    const over = new AbortController();
    const idle = setTimeout(() => over.abort(), this.#parts.idleMs ?? IDLE_MS).unref();
    const source: Source = { over, idle, flow: undefined, waiting: [] };
    this.#sources.set(name, source);
    void this.#carry(source, from).finally(() => {
      clearTimeout(idle);
      this.#sources.delete(name);
    });
    return source;
  }

  async #carry(source: Source, from: RemoteInfo): Promise<void> {
    const { signal } = source.over;
    const { target } = this.#parts;
    let remote: RemoteConnection | undefined;
    let flow: UdpFlow | undefined;
    try {
      const session = await this.#parts.session(signal);
      const flows = this.#parts.udp.of(session);
      const id = flows.nextId();
      flow = flows.open(id, (data) => {
        source.idle.refresh();
        if (!signal.aborted) sendFrom(this.#socket, data, from);
      });
      remote = await askThrough(session, { op: 'connect-udp', ...target, flow: id }, signal);
      source.flow = flow;
      for (const data of source.waiting.splice(0)) flow.send(data);
      while ((await remote.reader.readSome(DISCARD_BYTES, signal)) !== null);
    } catch (error) {
      if (!signal.aborted && source.flow === undefined) {
        this.#parts.say(`${nameOfTarget(target)} (UDP): ${reportError(error).message}`);
        await pauseUntil(signal);
      }
    } finally {
      flow?.close();
      remote?.stream.stopSending();
      remote?.stream.close().catch(() => undefined);
    }
  }
}

function pauseUntil(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, REFUSED_MS).unref();
    const give = (): void => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener('abort', give, { once: true });
  });
}
