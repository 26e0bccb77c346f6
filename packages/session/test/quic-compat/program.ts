/**
 * A program for @matrixai/quic: a server that takes orders on streams, and a client that tries everything that programs
 * do with streams and connections. It gets the module as an argument and prints the same with @kwik/session/quic.
 *
 * An order is the first line of a stream; what follows is its data.
 */
import { createHash } from 'node:crypto';
import type * as quicModule from '@kwik/session/quic';

type Quic = typeof quicModule;
type Connection = quicModule.QUICConnection;
type QuicStream = quicModule.QUICStream;

export interface Credentials {
  readonly ca: string;
  /** Of a server that is called localhost. */
  readonly cert: string;
  readonly key: string;
}

const MEGABYTE = 1_000_000;
const CONCURRENT = 8;

/** Runs the program; returns what it prints. */
export async function runProgram(quic: Quic, credentials: Credentials): Promise<string[]> {
  const lines: string[] = [];
  const print = (line: string): void => void lines.push(line);
  const server = await startServer(quic, credentials, print);
  try {
    const client = await connect(quic, credentials, server.port);
    print(`connected to ${client.host}, port right: ${client.port === server.port}`);
    await echo(client.connection, print);
    await concurrentStreams(client.connection, print);
    await halfClose(client.connection, print);
    await largeTransfer(client.connection, print);
    await resets(client.connection, print);
    await serverStreams(quic, client.connection, print);
    await closedByServer(quic, client, print);
    await closedByClient(quic, await connect(quic, credentials, server.port), server, print);
    await refusals(quic, credentials, server.port, print);
  } finally {
    await server.stop();
  }
  print(`server closed: ${server.closed}`);
  return lines;
}

// --- Both ends ---

/** Codes of streams are those of reasons that have one. */
const codes = {
  reasonToCode: (_type: 'read' | 'write', reason?: unknown): number => (reason instanceof Reason ? reason.code : 0),
  codeToReason: (type: 'read' | 'write', code: number): unknown => new Reason(code, `${type} side, code ${code}`),
};

function quiet(): void {
  return;
}

class Reason extends Error {
  readonly code: number;

  constructor(code: number, message = 'given up') {
    super(message);
    this.code = code;
  }
}

const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet, getChild: () => logger };

const config = { maxIdleTimeout: 10_000, initialMaxStreamsBidi: 50, initialMaxStreamsUni: 50 };

async function connect(quic: Quic, { ca }: Credentials, port: number): Promise<quicModule.QUICClient> {
  return quic.QUICClient.createQUICClient({
    host: '127.0.0.1',
    port,
    serverName: 'localhost',
    localHost: '127.0.0.1',
    crypto: { ops: { randomBytes: async (data: ArrayBuffer) => void crypto.getRandomValues(new Uint8Array(data)) } },
    config: { ...config, ca, verifyPeer: true },
    ...codes,
    logger,
  });
}

async function send(stream: QuicStream, ...parts: (string | Uint8Array)[]): Promise<void> {
  const writer = stream.writable.getWriter();
  for (const part of parts) await writer.write(typeof part === 'string' ? new TextEncoder().encode(part) : part);
  await writer.close();
}

async function receive(stream: QuicStream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream.readable) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 16);
const pattern = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8) * seed + seed) & 0xff);

function nextEvent<E extends Event>(target: EventTarget, name: string): Promise<E> {
  return new Promise((resolve) => target.addEventListener(name, (event) => resolve(event as E), { once: true }));
}

async function failure(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof Reason ? error.message : `an ${(error as Error).constructor.name}`),
  );
}

// --- The server ---

async function startServer(quic: Quic, credentials: Credentials, print: (line: string) => void) {
  const { events } = quic;
  const server = new quic.QUICServer({
    crypto: {
      key: crypto.getRandomValues(new Uint8Array(32)).buffer,
      ops: {
        sign: async (key: ArrayBuffer, data: ArrayBuffer) => crypto.subtle.sign('HMAC', await hmac(key), data),
        verify: async (key: ArrayBuffer, data: ArrayBuffer, mac: ArrayBuffer) =>
          crypto.subtle.verify('HMAC', await hmac(key), mac, data),
      },
    },
    config: { ...config, key: credentials.key, cert: credentials.cert },
    ...codes,
    logger,
  });
  server.addEventListener(
    events.EventQUICServerConnection.name,
    (event: quicModule.events.EventQUICServerConnection) => {
      const connection = event.detail;
      connection.addEventListener(
        events.EventQUICConnectionStream.name,
        (opened: quicModule.events.EventQUICConnectionStream) =>
          void obey(connection, opened.detail, print).catch((error: unknown) => print(`server: ${String(error)}`)),
      );
    },
  );
  await server.start({ host: '127.0.0.1', port: 0 });
  return server;
}

const hmac = (key: ArrayBuffer) =>
  crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);

/** Reads the order and does it. */
async function obey(connection: Connection, stream: QuicStream, print: (line: string) => void): Promise<void> {
  const reader = stream.readable.getReader();
  let data = new Uint8Array();
  while (!data.includes(10)) {
    const { value, done } = await reader.read();
    if (done) return;
    data = new Uint8Array(Buffer.concat([data, value]));
  }
  reader.releaseLock();
  const end = data.indexOf(10);
  const [order = '', argument = ''] = text(data.subarray(0, end)).split(' ');
  const rest = async (): Promise<Uint8Array> => Buffer.concat([data.subarray(end + 1), await receive(stream)]);
  switch (order) {
    case 'echo':
      return send(stream, await rest());
    case 'hash':
      return send(stream, hash(await rest()));
    case 'reverse':
      // Nothing is known until the client has closed its side.
      return send(stream, (await rest()).reverse());
    case 'note': {
      const note = await rest();
      return answer(connection, `noted ${note.length} ${hash(note)}`);
    }
    case 'expect-reset': {
      // A reset overtakes what was written before it: the client waits until the order is understood.
      const writer = stream.writable.getWriter();
      await writer.write(new TextEncoder().encode('ready'));
      print(`server read: ${await failure(rest())}`);
      writer.releaseLock();
      return send(stream, ', you gave up');
    }
    case 'reset':
      return stream.writable.abort(new Reason(Number(argument)));
    case 'stop':
      await stream.readable.cancel(new Reason(Number(argument)));
      return send(stream, 'stopped');
    case 'expect-stop':
      print(`server write: ${await failure(writeForever(stream))}`);
      return answer(connection, 'the server noticed');
    case 'call-me':
      return callBack(connection, stream, await rest());
    case 'close':
      return connection.stop({ errorCode: Number(argument), reason: Buffer.from('the server has enough') });
    default:
      print(`server: no such order: ${order}`);
  }
}

/** On a stream of the server's own. */
async function answer(connection: Connection, answered: string): Promise<void> {
  await send(connection.newStream('uni'), answered);
}

async function callBack(connection: Connection, stream: QuicStream, question: Uint8Array): Promise<void> {
  const call = connection.newStream('bidi');
  await send(call, question);
  const reply = await receive(call);
  await send(stream, `the client said: ${text(reply)}`);
}

async function writeForever(stream: QuicStream): Promise<void> {
  const writer = stream.writable.getWriter();
  writer.closed.catch(() => undefined);
  for (;;) await writer.write(pattern(1000, 3));
}

// --- The client ---

async function ask(connection: Connection, ...parts: (string | Uint8Array)[]): Promise<Uint8Array> {
  const stream = connection.newStream('bidi');
  const [answered] = await Promise.all([receive(stream), send(stream, ...parts)]);
  return answered;
}

async function echo(connection: Connection, print: (line: string) => void): Promise<void> {
  const stream = connection.newStream();
  print(`stream ${stream.streamId} ${stream.type} ${stream.initiated}`);
  const seen: string[] = [];
  for (const name of ['CloseWrite', 'CloseRead', 'Destroyed']) {
    stream.addEventListener(`EventQUICStream${name}`, () => void seen.push(name));
  }
  const [answered] = await Promise.all([receive(stream), send(stream, 'echo\n', 'hello')]);
  await stream.closedP;
  await new Promise((resolve) => setImmediate(resolve));
  print(`echo: ${text(answered)}; closed: ${stream.closed}; events: ${seen.join(' ')}`);
}

async function concurrentStreams(connection: Connection, print: (line: string) => void): Promise<void> {
  const notes: Promise<string>[] = [];
  const collected = new Promise<void>((resolve) => {
    const collect = (event: quicModule.events.EventQUICConnectionStream): void => {
      if (notes.push(receive(event.detail).then(text)) < CONCURRENT) return;
      connection.removeEventListener('EventQUICConnectionStream', collect);
      resolve();
    };
    connection.addEventListener('EventQUICConnectionStream', collect);
  });
  const sizes = Array.from({ length: CONCURRENT }, (_, index) => 1 + index * 5000);
  const echoed = await Promise.all(
    sizes.map(async (size, index) => {
      const sent = pattern(size, index);
      const back = await ask(connection, 'echo\n', sent);
      return `${size}:${Buffer.from(back).equals(sent)}`;
    }),
  );
  print(`bidirectional: ${echoed.join(' ')}`);
  await Promise.all(sizes.map((size, index) => send(connection.newStream('uni'), 'note\n', pattern(size, index))));
  await collected;
  for (const note of (await Promise.all(notes)).sort()) print(`unidirectional: ${note}`);
}

async function halfClose(connection: Connection, print: (line: string) => void): Promise<void> {
  const stream = connection.newStream();
  await send(stream, 'reverse\n', 'abc', 'def');
  print(`write closed: ${stream.writeClosed}, read closed: ${stream.readClosed}`);
  print(`after the half-close: ${text(await receive(stream))}`);
}

async function largeTransfer(connection: Connection, print: (line: string) => void): Promise<void> {
  const data = pattern(MEGABYTE, 5);
  const answered = await ask(connection, 'hash\n', data);
  print(`${data.length} bytes, hash right: ${text(answered) === hash(data)}`);
}

async function resets(connection: Connection, print: (line: string) => void): Promise<void> {
  const given = connection.newStream();
  const writer = given.writable.getWriter();
  await writer.write(new TextEncoder().encode('expect-reset\nsome'));
  const error = nextEvent<quicModule.events.EventQUICStreamError>(given, 'EventQUICStreamError');
  const reader = given.readable.getReader();
  const ready = text((await reader.read()).value ?? new Uint8Array());
  reader.releaseLock();
  await writer.abort(new Reason(11));
  const { detail } = await error;
  print(`aborted: ${detail.constructor.name} ${JSON.stringify(detail.data)}`);
  print(`the other side goes on: ${ready}${text(await receive(given))}`);

  const reset = connection.newStream();
  const resetError = nextEvent<quicModule.events.EventQUICStreamError>(reset, 'EventQUICStreamError');
  await send(reset, 'reset 12\n');
  print(`client read: ${await failure(receive(reset))}; ${(await resetError).detail.constructor.name}`);

  const stopped = connection.newStream();
  const stoppedWriter = stopped.writable.getWriter();
  const stopError = nextEvent<quicModule.events.EventQUICStreamError>(stopped, 'EventQUICStreamError');
  await stoppedWriter.write(new TextEncoder().encode('stop 13\n'));
  print(`client write: ${await failure(stoppedWriter.closed)}; ${(await stopError).detail.constructor.name}`);
  print(`and yet: ${text(await receive(stopped))}`);

  const noticed = nextEvent<quicModule.events.EventQUICConnectionStream>(connection, 'EventQUICConnectionStream');
  const cancelled = connection.newStream();
  await send(cancelled, 'expect-stop\n');
  const cancelledReader = cancelled.readable.getReader();
  await cancelledReader.read();
  await cancelledReader.cancel(new Reason(14));
  print(text(await receive((await noticed).detail)));
  await cancelled.closedP;
}

async function serverStreams(quic: Quic, connection: Connection, print: (line: string) => void): Promise<void> {
  const { EventQUICConnectionStream } = quic.events;
  connection.addEventListener(
    EventQUICConnectionStream.name,
    (event: quicModule.events.EventQUICConnectionStream) => {
      const call = event.detail;
      print(`called on stream ${call.streamId % 4} (mod 4), ${call.type}, ${call.initiated}`);
      void receive(call).then((question) => send(call, `42 is the answer to: ${text(question)}`));
    },
    { once: true },
  );
  print(text(await ask(connection, 'call-me\n', 'what?')));
}

async function closedByServer(quic: Quic, client: quicModule.QUICClient, print: (line: string) => void): Promise<void> {
  const { connection } = client;
  const ended = nextEvent<quicModule.events.EventQUICConnectionClose>(connection, 'EventQUICConnectionClose');
  const clientError = nextEvent<quicModule.events.EventQUICClientError>(client, 'EventQUICClientError');
  const destroyed = nextEvent(client, 'EventQUICClientDestroyed');
  const open = connection.newStream();
  const reading = failure(receive(open));
  await send(connection.newStream(), 'close 77\n');
  const { detail } = await ended;
  print(`connection: ${describe(quic, detail)}; client: ${describe(quic, (await clientError).detail)}`);
  await client.closedP;
  await destroyed;
  print(`an open stream failed: ${(await reading) !== 'no error'}; closed: ${client.closed} ${connection.closed}`);
  print(`a new stream: ${await failure((async () => connection.newStream())())}`);
}

async function closedByClient(
  quic: Quic,
  client: quicModule.QUICClient,
  server: quicModule.QUICServer,
  print: (line: string) => void,
): Promise<void> {
  print(`again: ${text(await ask(client.connection, 'echo\n', 'once more'))}`);
  const atServer = nextEvent<quicModule.events.EventQUICConnectionError>(server, 'EventQUICConnectionError');
  const atClient = nextEvent<quicModule.events.EventQUICClientClose>(client, 'EventQUICClientClose');
  await client.destroy({ isApp: true, errorCode: 7, reason: Buffer.from('done here') });
  print(`server: ${describe(quic, (await atServer).detail)}; client: ${describe(quic, (await atClient).detail)}`);
}

async function refusals(quic: Quic, { cert }: Credentials, port: number, print: (line: string) => void): Promise<void> {
  // A server's own certificate is no authority of it.
  const strange = connect(quic, { ca: otherAuthority(cert), cert: '', key: '' }, port);
  const error: unknown = await strange.then(
    () => undefined,
    (refused: unknown) => refused,
  );
  print(`a server of another authority: ${error instanceof quic.errors.ErrorQUICConnectionLocalTLS}`);
}

const otherAuthority = (cert: string): string => cert;

function describe(quic: Quic, error: quicModule.errors.ErrorQUIC): string {
  const by =
    error instanceof quic.errors.ErrorQUICConnectionPeer
      ? 'peer'
      : error instanceof quic.errors.ErrorQUICConnectionLocal
        ? 'local'
        : error.constructor.name;
  const { isApp, errorCode, reason } = error.data as unknown as quicModule.ConnectionError;
  return `${by} ${isApp ? 'application' : 'transport'} ${errorCode} '${text(reason)}' (${error.message})`;
}
