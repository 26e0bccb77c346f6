import type {
  PathTransport,
  PathTransportHandler,
  TransportCloseInfo,
  TransportStream,
  TransportStreamHandler,
} from '@kwik/wire';

/** Counts how deep the caller is inside calls to transports: a handler must only ever be called at depth 0. */
export class CallDepth {
  #depth = 0;
  readonly violations: string[] = [];

  during<T>(call: () => T): T {
    this.#depth++;
    try {
      return call();
    } finally {
      this.#depth--;
    }
  }

  /** Runs a handler's body, inside which the transport may be called again. */
  handle(what: string, body: () => void): void {
    if (this.#depth > 0) this.violations.push(`${what} was called from inside a call to the transport`);
    const before = this.#depth;
    this.#depth = 0;
    try {
      body();
    } finally {
      this.#depth = before;
    }
  }
}

/** A stream with a handler that notes everything. */
export class RecordingStream implements TransportStreamHandler {
  readonly stream: TransportStream;
  readonly chunks: Uint8Array[] = [];
  /** Everything but data, in order. */
  readonly events: string[] = [];
  receivedBytes = 0;
  writableCalls = 0;
  onWritableDo: () => void = () => undefined;
  onDataDo: (chunk: Uint8Array) => void = () => undefined;
  readonly #side: RecordingSide;
  readonly #copies: Uint8Array[] = [];

  constructor(stream: TransportStream, side: RecordingSide) {
    this.stream = stream;
    this.#side = side;
    side.depth.during(() => stream.attach(this));
  }

  write(data: Uint8Array): number {
    return this.#side.depth.during(() => this.stream.write(data));
  }

  end(): void {
    this.#side.depth.during(() => this.stream.end());
  }

  reset(code: number): void {
    this.#side.depth.during(() => this.stream.reset(code));
  }

  stopSending(code: number): void {
    this.#side.depth.during(() => this.stream.stopSending(code));
  }

  pause(): void {
    this.#side.depth.during(() => this.stream.pause());
  }

  resume(): void {
    this.#side.depth.during(() => this.stream.resume());
  }

  get data(): Uint8Array {
    return Buffer.concat(this.chunks);
  }

  /** Whether no chunk has changed since it was handed over. */
  get chunksUntouched(): boolean {
    return this.chunks.every((chunk, index) => Buffer.compare(chunk, this.#copies[index] ?? new Uint8Array(0)) === 0);
  }

  onData(chunk: Uint8Array): void {
    this.#note('onData', () => {
      this.chunks.push(chunk);
      this.#copies.push(Uint8Array.from(chunk));
      this.receivedBytes += chunk.length;
      this.onDataDo(chunk);
    });
  }

  onEnd(): void {
    this.#note('onEnd', () => this.events.push('end'));
  }

  onReset(code: number): void {
    this.#note('onReset', () => this.events.push(`reset ${code}`));
  }

  onStopSending(code: number): void {
    this.#note('onStopSending', () => this.events.push(`stop ${code}`));
  }

  onWritable(): void {
    this.#note('onWritable', () => {
      this.writableCalls++;
      this.onWritableDo();
    });
  }

  #note(what: string, body: () => void): void {
    this.#side.note(`stream ${this.stream.id} ${what}`, body);
  }
}

/** One side of a connection with handlers that note everything, and what they must never be told. */
export class RecordingSide implements PathTransportHandler {
  readonly transport: PathTransport;
  readonly depth = new CallDepth();
  /** By id; those of the peer appear by themselves. */
  readonly streams = new Map<number, RecordingStream>();
  readonly closes: TransportCloseInfo[] = [];
  readonly violations: string[] = [];
  sendableCalls = 0;
  onStreamDo: (stream: RecordingStream) => void = () => undefined;

  constructor(transport: PathTransport) {
    this.transport = transport;
  }

  attach(): this {
    this.depth.during(() => this.transport.attach(this));
    return this;
  }

  open(unidirectional: boolean): RecordingStream | undefined {
    const stream = this.depth.during(() => this.transport.openStream({ unidirectional }));
    return stream === undefined ? undefined : this.#record(stream);
  }

  close(code: number, reason: string): void {
    this.depth.during(() => this.transport.close(code, reason));
  }

  onStream(stream: TransportStream): void {
    this.note('onStream', () => {
      if (this.streams.has(stream.id)) this.violations.push(`stream ${stream.id} was announced twice`);
      this.onStreamDo(this.#record(stream));
    });
  }

  onSendable(): void {
    this.note('onSendable', () => {
      this.sendableCalls++;
      if (this.transport.sendableBytes() < this.transport.stats().datagramBytes) {
        this.violations.push('onSendable without room for a datagram');
      }
    });
  }

  onClose(info: TransportCloseInfo): void {
    this.note('onClose', () => this.closes.push(info));
  }

  /** Runs a handler's body and notes what is wrong about its being called now. */
  note(what: string, body: () => void): void {
    if (this.closes.length > 0) this.violations.push(`${what} after onClose`);
    this.depth.handle(what, body);
  }

  #record(stream: TransportStream): RecordingStream {
    const recording = new RecordingStream(stream, this);
    this.streams.set(stream.id, recording);
    return recording;
  }
}

/** Writes all of `data`, as fast as the stream takes it, then ends the stream. Reuses one buffer for all writes. */
export function writeAll(target: RecordingStream, data: Uint8Array): void {
  const buffer = new Uint8Array(16_384);
  let offset = 0;
  const go = (): void => {
    while (offset < data.length) {
      const piece = data.subarray(offset, offset + buffer.length);
      buffer.set(piece);
      const taken = target.write(buffer.subarray(0, piece.length));
      buffer.fill(0xee);
      offset += taken;
      if (taken < piece.length) return;
    }
    target.onWritableDo = () => undefined;
    target.end();
  };
  target.onWritableDo = go;
  go();
}
