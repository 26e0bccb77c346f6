import type { ControlChannel, ControlEvent } from '@kwik/kcp';
import { KwikError, type Clock, type TransportStream, type TransportStreamHandler } from '@kwik/wire';

/** What a control link tells its owner: the handshake first, the session afterwards. */
export interface ControlLinkOwner {
  onControlEvent(event: ControlEvent): void;
  /** The peer broke the rules of the control plane, or ended its stream. */
  onControlFailure(error: KwikError): void;
  /** The peer ended its stream: true when it may have. Default: it may not. */
  onControlEnd?(): boolean;
}

/** Ties a control channel (sans-IO) to the control stream of a path. */
export class ControlLink implements TransportStreamHandler {
  readonly channel: ControlChannel;
  readonly #stream: TransportStream;
  readonly #clock: Clock;
  #owner: ControlLinkOwner;
  /** Rest of a message that the stream could not take yet. */
  #rest: Uint8Array | undefined;
  #failed = false;
  #held = false;
  #ended = false;

  constructor(stream: TransportStream, channel: ControlChannel, clock: Clock, owner: ControlLinkOwner) {
    this.#stream = stream;
    this.channel = channel;
    this.#clock = clock;
    this.#owner = owner;
    stream.attach(this);
  }

  /** Events stay in the channel until `release`: what comes with the last message of a handshake is the session's. */
  hold(): void {
    this.#held = true;
  }

  release(owner: ControlLinkOwner): void {
    this.#owner = owner;
    this.#held = false;
    this.#dispatch();
  }

  /** Writes what is queued, as far as the stream takes it. */
  flush(): void {
    try {
      this.#write();
    } catch (error) {
      this.#fail(KwikError.from(error));
    }
  }

  #write(): void {
    while (!this.#failed && !this.#ended) {
      const bytes = this.#rest ?? this.channel.pollTransmit(this.#clock.now());
      if (bytes === undefined) return;
      const taken = this.#stream.write(bytes);
      this.#rest = taken < bytes.length ? bytes.subarray(taken) : undefined;
      if (this.#rest !== undefined) return;
    }
  }

  /** Nothing waits to be written. */
  get idle(): boolean {
    return this.#rest === undefined && this.channel.queuedBytes === 0;
  }

  /** Nothing more is written. */
  end(): void {
    if (this.#failed || this.#ended) return;
    this.#ended = true;
    this.#stream.end();
  }

  handleTimeout(now: number): void {
    this.channel.handleTimeout(now);
    this.#dispatch();
  }

  onData(chunk: Uint8Array): void {
    if (this.#failed) return;
    try {
      this.channel.handleData(chunk, this.#clock.now());
    } catch (error) {
      this.#fail(KwikError.from(error, 'ERR_KWIK_INVALID_MESSAGE'));
      return;
    }
    this.#dispatch();
  }

  onEnd(): void {
    if (!this.#failed && this.#owner.onControlEnd?.() === true) return;
    this.#fail(new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', 'the peer ended the control stream'));
  }

  onReset(code: number): void {
    this.#fail(new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `the peer reset the control stream (code ${code})`));
  }

  onStopSending(code: number): void {
    this.#fail(
      new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `the peer stopped reading the control stream (code ${code})`),
    );
  }

  onWritable(): void {
    this.flush();
  }

  #dispatch(): void {
    for (;;) {
      const event = this.#failed || this.#held ? undefined : this.channel.nextEvent();
      if (event === undefined) break;
      try {
        this.#owner.onControlEvent(event);
      } catch (error) {
        this.#fail(KwikError.from(error));
      }
    }
    this.flush();
  }

  #fail(error: KwikError): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#owner.onControlFailure(error);
  }
}
