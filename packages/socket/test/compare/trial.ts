import { pause } from '@kwik/testbed';
import type { EventEmitter } from 'node:events';
import { once } from 'node:events';
import type nodeNet from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { types } from 'node:util';

export type Net = typeof nodeNet;

/** One case, run over `node:net` and over KWIK. What it notes must be the same. */
export interface Case {
  readonly name: string;
  run(trial: Trial): Promise<void>;
}

const EVENTS = [
  'lookup',
  'connectionAttempt',
  'connectionAttemptFailed',
  'connect',
  'ready',
  'end',
  'timeout',
  'finish',
  'error',
  'close',
  'listening',
  'connection',
  'drop',
] as const;

/** A run of a case over one of the two: makes servers and sockets, and writes down what happens to each, in its order. */
export class Trial {
  readonly net: Net;
  readonly #notes = new Map<string, unknown[]>();
  readonly #ports = new Map<number, string>();
  readonly #servers: Server[] = [];
  readonly #sockets: Socket[] = [];

  constructor(net: Net) {
    this.net = net;
  }

  /** Writes something down under a heading. */
  note(heading: string, ...what: unknown[]): void {
    const notes = this.#notes.get(heading) ?? [];
    this.#notes.set(heading, notes);
    notes.push(what.length === 1 ? plain(what[0]) : what.map(plain));
  }

  /** Writes the emitter's events down. `data` is among them only if asked for, as a listener makes it flow. */
  watch<T extends EventEmitter>(emitter: T, heading: string): T {
    for (const event of EVENTS) {
      emitter.on(event, (...args: unknown[]) => this.note(heading, event, ...args.map((arg) => shape(arg))));
    }
    return emitter;
  }

  /** Writes all data down that comes before the end, as one. */
  collect(socket: Socket, heading: string): Promise<void> {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(Buffer.from(chunk)));
    return new Promise((done) => {
      socket.once('close', () => {
        this.note(`${heading}: data`, Buffer.concat(chunks).toString());
        done();
      });
    });
  }

  server(options: nodeNet.ServerOpts, onSocket: (socket: Socket) => void = () => undefined): Server {
    const server = this.net.createServer(options, (socket) => {
      this.#sockets.push(socket);
      onSocket(socket);
    });
    this.#servers.push(server);
    return server;
  }

  /** A server that listens, on loopback, and its port. */
  async listening(
    options: nodeNet.ServerOpts,
    onSocket?: (socket: Socket) => void,
  ): Promise<{ server: Server; port: number }> {
    const server = this.server(options, onSocket);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { server, port: this.portOf(server) };
  }

  connect(...args: unknown[]): Socket {
    return this.own(this.net.connect(...(args as [number])));
  }

  /** Is destroyed in the end. */
  own(socket: Socket): Socket {
    this.#sockets.push(socket);
    return socket;
  }

  portOf(server: Server, name = 'port'): number {
    const { port } = server.address() as AddressInfo;
    this.#ports.set(port, name);
    return port;
  }

  /** Is written down by this name. */
  nameOfPort(port: number | undefined, name: string): void {
    if (port !== undefined) this.#ports.set(port, name);
  }

  /** A port on which nobody listens: over either. */
  async freePort(): Promise<number> {
    const server = this.net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = this.portOf(server, 'free port');
    await new Promise((done) => server.close(done));
    return port;
  }

  /** Everything that was written down, with names in place of ports. */
  async finish(): Promise<Readonly<Record<string, unknown[]>>> {
    for (const socket of this.#sockets) socket.on('error', () => undefined).destroy();
    for (const server of this.#servers) if (server.listening) await new Promise((done) => server.close(done));
    const sorted = Object.fromEntries([...this.#notes].sort(([a], [b]) => (a < b ? -1 : 1)));
    return JSON.parse(this.#withoutPorts(JSON.stringify(sorted))) as Record<string, unknown[]>;
  }

  /** Within texts as well, where the number may be part of a message. */
  #withoutPorts(text: string): string {
    let result = text;
    for (const [port, name] of this.#ports) {
      result = result
        .replaceAll(new RegExp(`(?<=[:,\\[])${port}(?=[,}\\]])`, 'g'), `"<${name}>"`)
        .replaceAll(new RegExp(`(?<![0-9])${port}(?![0-9])`, 'g'), `<${name}>`);
    }
    return result;
  }
}

/** Resolves when it is closed, with what `close` said; with undefined, and a while later, when it was before. */
export function closed(emitter: EventEmitter & { readonly closed?: boolean }): Promise<unknown> {
  // The event comes in a later turn; a busy machine may be so late that the pause is over first.
  if (emitter.closed === true) return pause(20).then(() => new Promise((done) => setImmediate(done)));
  return new Promise((done) => emitter.once('close', done));
}

export function happened(emitter: EventEmitter, event: string): Promise<unknown> {
  return new Promise((done) => emitter.once(event, done));
}

/** What is thrown is written down as an error that is told. */
export function thrown(action: () => unknown): unknown {
  try {
    action();
    return 'nothing';
  } catch (error) {
    return plain(error);
  }
}

/** Objects with identities become their kinds. */
function shape(value: unknown): unknown {
  if (isError(value) || typeof value !== 'object' || value === null) return value;
  return 'readable' in value ? '[socket]' : value;
}

function plain(value: unknown): unknown {
  if (value === undefined) return '[undefined]';
  if (!isError(value)) return value;
  const { name, message, code, errno, syscall, address, port, localAddress, localPort } =
    value as NodeJS.ErrnoException & {
      address?: string;
      port?: number;
      localAddress?: string;
      localPort?: number;
    };
  const { errors } = value as { errors?: readonly unknown[] };
  const each = errors === undefined ? {} : { errors: errors.map(plain) };
  return { name, message, code, errno, syscall, address, port, localAddress, localPort, ...each };
}

/** Those of Node come from another realm than those of tests. */
function isError(value: unknown): value is Error {
  return types.isNativeError(value);
}
