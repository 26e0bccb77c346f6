import { randomBytes } from 'node:crypto';
import type {
  PathTransport,
  PathTransportHandler,
  TransportCloseInfo,
  TransportStream,
  TransportStreamHandler,
} from '@kwik/wire';
import { Endpoint } from '../endpoint/endpoint.js';
import type { DialOptions, EndpointOptions, ServerOptions } from '../endpoint/options.js';
import type { TransportOptions } from '../connection/transport-options.js';
import { type Issued, makeAuthority, type TestAuthority } from './certificates.js';

/** A promise with its handles outside. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Records what happens on a stream, and lets tests wait for it. */
export class StreamProbe implements TransportStreamHandler {
  readonly chunks: Uint8Array[] = [];
  bytes = 0;
  writableCalls = 0;
  readonly ended = deferred<void>();
  readonly wasReset = deferred<number>();
  readonly stopped = deferred<number>();
  onChunk: ((chunk: Uint8Array) => void) | undefined;
  private waiting: (() => void)[] = [];

  constructor(readonly stream: TransportStream) {
    stream.attach(this);
  }

  onData(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    this.onChunk?.(chunk);
  }

  onEnd(): void {
    this.ended.resolve();
  }

  onReset(code: number): void {
    this.wasReset.resolve(code);
  }

  onStopSending(code: number): void {
    this.stopped.resolve(code);
  }

  onWritable(): void {
    this.writableCalls += 1;
    const waiting = this.waiting;
    this.waiting = [];
    for (const go of waiting) go();
  }

  received(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** Writes all of `data`, waiting for `onWritable` where it must. */
  async send(data: Uint8Array, end = true): Promise<void> {
    let done = 0;
    while (done < data.length) {
      const count = this.stream.write(data.subarray(done));
      done += count;
      if (done < data.length) await new Promise<void>((go) => this.waiting.push(go));
    }
    if (end) this.stream.end();
  }
}

/** Attaches to a connection and records what happens on it. */
export class TransportProbe implements PathTransportHandler {
  readonly streams: StreamProbe[] = [];
  readonly closed = deferred<TransportCloseInfo>();
  sendableCalls = 0;
  closeCalls = 0;
  onStreamProbe: ((probe: StreamProbe) => void) | undefined;
  onSendableHook: (() => void) | undefined;
  private readonly waiting: ((probe: StreamProbe) => void)[] = [];
  private handed = 0;

  constructor(readonly transport: PathTransport) {
    transport.attach(this);
  }

  onStream(stream: TransportStream): void {
    const probe = new StreamProbe(stream);
    this.streams.push(probe);
    this.onStreamProbe?.(probe);
    const next = this.waiting.shift();
    if (next === undefined) return;
    this.handed += 1;
    next(probe);
  }

  onSendable(): void {
    this.sendableCalls += 1;
    this.onSendableHook?.();
  }

  onClose(info: TransportCloseInfo): void {
    this.closeCalls += 1;
    this.closed.resolve(info);
  }

  /** The next stream that the peer opens. */
  nextStream(): Promise<StreamProbe> {
    const ready = this.streams[this.handed];
    if (ready !== undefined) {
      this.handed += 1;
      return Promise.resolve(ready);
    }
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  open(unidirectional = false): StreamProbe {
    const stream = this.transport.openStream({ unidirectional });
    if (stream === undefined) throw new Error('no stream credit');
    return new StreamProbe(stream);
  }
}

/** Sends so much from one end to the other, where it arrives whole; `midway` is called when half of it has arrived. */
export async function transfer(
  from: TransportProbe,
  to: TransportProbe,
  bytes: number,
  midway?: () => void,
): Promise<void> {
  const payload = randomBytes(bytes);
  const sending = from.open(true).send(payload);
  const stream = await to.nextStream();
  let called = false;
  stream.onChunk = () => {
    if (called || stream.bytes < bytes / 2) return;
    called = true;
    midway?.();
  };
  await Promise.all([sending, stream.ended.promise]);
  if (!stream.received().equals(payload)) throw new Error(`${stream.bytes} bytes arrived that are not those sent`);
}

/** Both ways, again and again until it holds: to find something out takes round trips, while which there must be something to send. */
export async function transferUntil(
  holds: () => boolean,
  one: TransportProbe,
  other: TransportProbe,
  bytes: number,
): Promise<void> {
  for (let times = 0; times < 30 && !holds(); times += 1) {
    await transfer(one, other, bytes);
    await transfer(other, one, bytes);
  }
}

export interface PairOptions {
  readonly server?: Partial<ServerOptions>;
  readonly dial?: Partial<DialOptions>;
  readonly serverEndpoint?: EndpointOptions;
  readonly clientEndpoint?: EndpointOptions;
  readonly transport?: TransportOptions;
  /** Takes accepted transports as they are, instead of a probe. */
  readonly onTransport?: (transport: PathTransport) => void;
}

/** A server endpoint on loopback with a certificate of a test authority. */
export class TestServer implements AsyncDisposable {
  readonly accepted: TransportProbe[] = [];
  onAccepted: ((probe: TransportProbe) => void) | undefined;
  private readonly waiting: ((probe: TransportProbe) => void)[] = [];
  private handed = 0;

  private constructor(
    readonly endpoint: Endpoint,
    readonly authority: TestAuthority,
    readonly issued: Issued,
  ) {}

  static async start(options: PairOptions = {}, authority?: TestAuthority, issued?: Issued): Promise<TestServer> {
    const ca = authority ?? (await makeAuthority());
    const certificate = issued ?? (await ca.issue());
    const endpoint = await Endpoint.bind(options.serverEndpoint);
    const server = new TestServer(endpoint, ca, certificate);
    const transport = options.transport === undefined ? {} : { transport: options.transport };
    endpoint.listen(
      { ...certificate, ...transport, ...options.server },
      options.onTransport ?? ((accepted) => server.take(accepted)),
    );
    return server;
  }

  get port(): number {
    return this.endpoint.address().port;
  }

  nextConnection(): Promise<TransportProbe> {
    const ready = this.accepted[this.handed];
    if (ready !== undefined) {
      this.handed += 1;
      return Promise.resolve(ready);
    }
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  dialOptions(options: PairOptions = {}): DialOptions {
    const transport = options.transport === undefined ? {} : { transport: options.transport };
    return {
      host: '127.0.0.1',
      port: this.port,
      trust: { ca: this.authority.certPem },
      timeoutMs: 5_000,
      ...transport,
      ...options.dial,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.endpoint.close();
  }

  private take(transport: PathTransport): void {
    const probe = new TransportProbe(transport);
    this.accepted.push(probe);
    this.onAccepted?.(probe);
    const next = this.waiting.shift();
    if (next === undefined) return;
    this.handed += 1;
    next(probe);
  }
}

export interface Pair extends AsyncDisposable {
  readonly server: TestServer;
  readonly clientEndpoint: Endpoint;
  readonly client: TransportProbe;
  readonly accepted: TransportProbe;
}

/** A client connected to a server, both on loopback. */
export async function connectedPair(options: PairOptions = {}): Promise<Pair> {
  const server = await TestServer.start(options);
  const clientEndpoint = await Endpoint.bind(options.clientEndpoint);
  const client = new TransportProbe(await clientEndpoint.dial(server.dialOptions(options)));
  const accepted = await server.nextConnection();
  return {
    server,
    clientEndpoint,
    client,
    accepted,
    async [Symbol.asyncDispose](): Promise<void> {
      await clientEndpoint.close();
      await server.endpoint.close();
    },
  };
}
