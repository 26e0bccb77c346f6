/** A relay, a server of sockets, or a program that has a socket: each in a process of its own. */
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type nodeNet from 'node:net';
import { listen, type Listener } from '@kwik/session';
import kwikNet, { type Socket } from '@kwik/socket';
import type { PathChanged } from '@kwik/wire';
import type { Credentials } from '../../harness/certificates.js';
import { answerParent } from '../../harness/child.js';
import { Pattern, PatternReader } from '../../harness/pattern.js';
import { nowMs, type Arrival } from '../../links/messages.js';
import { EVERY_MS, MESSAGE_BYTES, QUESTION_BYTES, type Load } from './settings.js';

export interface ProgramTask {
  /** Of the server, for those who come by way of the relays. */
  readonly port: number;
  /** `host:port`, as this client reaches them. */
  readonly relays: readonly string[];
  readonly caPem: string;
  readonly kind: Load['kind'];
}

const HOST = '127.0.0.1';
const WRITE_BYTES = 16 * 1024;
/** Arrivals within a millisecond are one. */
const MERGE_MS = 1;

const pattern = new Pattern();

/** Listens on the same port again when it has been drained. */
class Relay {
  #listener: Listener | undefined;

  constructor(private readonly credentials: Credentials) {}

  async start(port = 0): Promise<number> {
    const { certPem: cert, keyPem: key } = this.credentials;
    const relay = { anchors: [HOST], forClients: true };
    this.#listener = await listen({ host: HOST, port, credentials: { cert, key }, relay });
    return this.#listener.address().port;
  }

  async drainAndStart(): Promise<void> {
    const port = this.#listener!.address().port;
    await this.#listener!.close();
    await this.start(port);
  }
}

/** A path between program and server as one of the two sees it. */
export interface SeenPath {
  readonly id: number;
  /** Of the other end, as far as this one knows: at the server, of the relay. */
  readonly address: string;
}

/** The paths of this process's session with the other one that are well. */
class PathWatch {
  readonly #active = new Map<number, string>();

  /** `isOurs`: of no other session that the process may have. */
  constructor(isOurs: (change: PathChanged) => boolean) {
    subscribe('kwik:path:changed', (message) => {
      const change = message as PathChanged;
      if (!isOurs(change)) return;
      if (change.state === 'active') this.#active.set(change.pathId, change.address);
      else this.#active.delete(change.pathId);
    });
  }

  seen(): SeenPath[] {
    return [...this.#active].map(([id, address]) => ({ id, address }));
  }
}

/** What a program has got over its socket. */
class Program {
  readonly #arrivals: { atMs: number; bytes: number }[] = [];
  #error: string | undefined;
  #socket: Socket | undefined;

  /** Resolves when it is connected. */
  async start({ port, relays, caPem, kind }: ProgramTask): Promise<void> {
    const socket = kwikNet.connect({ port, host: HOST, kwik: { ca: caPem, relays } });
    this.#socket = socket;
    socket.on('error', (error: Error) => (this.#error ??= error.message));
    await once(socket, 'connect');
    socket.write(`${kind}\n`);
    if (kind === 'answers') this.#ask(socket);
    else this.#readAll(socket);
  }

  stop(): { arrivals: readonly Arrival[]; error?: string } {
    this.#socket?.destroy();
    return { arrivals: this.#arrivals, ...(this.#error !== undefined && { error: this.#error }) };
  }

  #readAll(socket: Socket): void {
    const reader = new PatternReader(pattern);
    socket.on('data', (chunk: Buffer) => {
      reader.read(chunk);
      this.#note(chunk.length);
    });
  }

  /** One question after the other, each when the one before was answered. */
  #ask(socket: Socket): void {
    const reader = new PatternReader(pattern);
    const ask = (): unknown => socket.write(pattern.piece(reader.bytes, QUESTION_BYTES));
    ask();
    socket.on('data', (chunk: Buffer) => {
      reader.read(chunk);
      if (reader.bytes % QUESTION_BYTES !== 0) return;
      this.#note(chunk.length);
      ask();
    });
  }

  #note(bytes: number): void {
    const atMs = nowMs();
    const last = this.#arrivals.at(-1);
    if (last !== undefined && atMs - last.atMs < MERGE_MS) last.bytes += bytes;
    else this.#arrivals.push({ atMs, bytes });
  }
}

const parts: { relay?: Relay; program?: Program; paths?: PathWatch } = {};

export const calls = answerParent({
  async relay(credentials: Credentials): Promise<{ port: number }> {
    parts.relay = new Relay(credentials);
    return { port: await parts.relay.start() };
  },

  /** Its clients are let go before it stops; then it is there again. */
  drain: () => parts.relay!.drainAndStart(),

  async serve({ certPem: cert, keyPem: key }: Credentials): Promise<{ port: number }> {
    const server = kwikNet.createServer({ kwik: { cert, key } }, (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (line: Buffer) => serve(socket, line));
    });
    parts.paths = new PathWatch(({ role }) => role === 'primary');
    server.listen(0, HOST);
    await once(server, 'listening');
    return { port: (server.address() as nodeNet.AddressInfo).port };
  },

  program(task: ProgramTask): Promise<void> {
    parts.paths = new PathWatch(({ role, address }) => role === 'client' && address === `${HOST}:${task.port}`);
    parts.program = new Program();
    return parts.program.start(task);
  },

  /** Of a program and of a server. */
  paths: () => parts.paths!.seen(),

  stop: () => parts.program!.stop(),
});

/** `line` is the kind of load, and may have more behind it. */
function serve(socket: Socket, line: Buffer): void {
  const end = line.indexOf('\n');
  const kind = line.toString('latin1', 0, end) as Load['kind'];
  if (kind === 'answers') {
    socket.write(line.subarray(end + 1));
    socket.pipe(socket);
  } else if (kind === 'bulk') sendAll(socket);
  else sendMessages(socket);
}

function sendAll(socket: Socket): void {
  let sent = 0;
  const send = (): void => {
    for (let more = true; more && !socket.destroyed; sent += WRITE_BYTES) {
      more = socket.write(pattern.piece(sent, WRITE_BYTES));
    }
  };
  socket.on('drain', send);
  send();
}

/** On an absolute schedule: a late message is followed by the next one in time. */
function sendMessages(socket: Socket): void {
  const startMs = performance.now();
  let sent = 0;
  const send = (): void => {
    if (socket.destroyed) return;
    socket.write(pattern.piece(sent * MESSAGE_BYTES, MESSAGE_BYTES));
    sent += 1;
    setTimeout(send, Math.max(0, startMs + sent * EVERY_MS - performance.now()));
  };
  send();
}
