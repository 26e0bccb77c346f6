import { X509Certificate } from 'node:crypto';
import { ControlChannel } from '@kwik/kcp';
import {
  KwikError,
  type Clock,
  type PathTransport,
  type PathTransportHandler,
  type TransportCloseInfo,
  type TransportStream,
} from '@kwik/wire';
import { ControlLink, type ControlLinkOwner } from '../control/control-link.js';
import { MAX_POOL_SIZE, RealStreamPool } from './real-stream-pool.js';

/**
 * Real streams that may wait for the handshake to end. A server sends data right behind the last message of the handshake, on
 * as many streams as it has for it, and that message may be the one that is lost on the way.
 */
const MAX_HELD_STREAMS = MAX_POOL_SIZE;

export interface PathPortOwner extends ControlLinkOwner {
  /** The control stream exists; at a server, the client opened it. */
  onControlOpen(link: ControlLink): void;
  onChunk(realStreamId: number, chunk: Uint8Array): void;
  onRealStreamEnd(realStreamId: number): void;
  onSendable(): void;
  onClose(info: TransportCloseInfo): void;
}

/**
 * One connection as the session uses it: the first bidirectional stream is the control plane, unidirectional streams
 * carry packets. Before `activate` nothing of the data plane is read.
 */
export class PathPort implements PathTransportHandler {
  readonly transport: PathTransport;
  readonly #clock: Clock;
  readonly pool: RealStreamPool;
  owner: PathPortOwner;
  #control: ControlLink | undefined;
  readonly #onClosed: (() => void) | undefined;
  #active = false;
  #certificateUntilMs: number | undefined;
  readonly #held: TransportStream[] = [];

  /** `onClosed` is called when the connection is closed, whoever owns the port then. */
  constructor(transport: PathTransport, clock: Clock, owner: PathPortOwner, onClosed?: () => void) {
    this.#onClosed = onClosed;
    this.transport = transport;
    this.#clock = clock;
    this.owner = owner;
    this.pool = new RealStreamPool(transport, () => this.owner.onSendable());
    transport.attach(this);
  }

  /** When the certificate that the other end showed runs out, milliseconds since 1970; 0: it showed none. Read once. */
  get certificateUntilMs(): number {
    const [leaf] = this.transport.peerCertificates;
    if (leaf === undefined) return 0;
    return (this.#certificateUntilMs ??= endOf(leaf));
  }

  get control(): ControlLink | undefined {
    return this.#control;
  }

  /** The client's side: opens the control stream. */
  openControl(): ControlLink {
    const stream = this.transport.openStream({ unidirectional: false });
    if (stream === undefined) {
      throw new KwikError('ERR_KWIK_CONNECT_FAILED', 'the server allows no control stream; is it a KWIK server?');
    }
    return this.#bindControl(stream);
  }

  /** Hands the port to the session; the data plane flows from now on. */
  activate(owner: PathPortOwner): void {
    this.owner = owner;
    this.#active = true;
    for (const stream of this.#held.splice(0)) stream.resume();
    this.#control?.release(owner);
  }

  close(code: number, reason: string): void {
    this.#control?.flush();
    this.transport.close(code, reason);
  }

  onStream(stream: TransportStream): void {
    if (!stream.unidirectional && this.#control === undefined && this.transport.side === 'server') {
      this.owner.onControlOpen(this.#bindControl(stream));
      return;
    }
    this.#bindData(stream);
    if (!stream.unidirectional) {
      this.#refuse('a second bidirectional stream; only the control stream is one');
    } else if (!this.#active) {
      stream.pause();
      this.#held.push(stream);
      if (this.#held.length > MAX_HELD_STREAMS) this.#refuse('data streams before the handshake is over');
    }
  }

  onSendable(): void {
    this.owner.onSendable();
  }

  onClose(info: TransportCloseInfo): void {
    this.owner.onClose(info);
    this.#onClosed?.();
  }

  #bindControl(stream: TransportStream): ControlLink {
    const channel = new ControlChannel({ stranger: this.transport.side === 'server' });
    this.#control = new ControlLink(stream, channel, this.#clock, this.owner);
    return this.#control;
  }

  #bindData(stream: TransportStream): void {
    const end = (): void => this.owner.onRealStreamEnd(stream.id);
    stream.attach({
      onData: (chunk) => this.owner.onChunk(stream.id, chunk),
      onEnd: end,
      onReset: end,
      onStopSending: () => undefined,
      onWritable: () => undefined,
    });
  }

  #refuse(what: string): void {
    this.owner.onControlFailure(new KwikError('ERR_KWIK_PROTOCOL_VIOLATION', `the peer opened ${what}`));
  }
}

/** 0 for what TLS took, and nobody else can read. */
function endOf(certificate: Uint8Array): number {
  try {
    return Date.parse(new X509Certificate(certificate).validTo) || 0;
  } catch {
    return 0;
  }
}
