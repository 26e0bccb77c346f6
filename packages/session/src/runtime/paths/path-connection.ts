import { isRequest, type ControlEvent, type KcpBody } from '@kwik/kcp';
import type { Clock, KwikError, TransportCloseInfo } from '@kwik/wire';
import { PendingAnswers } from '../control/pending-answers.js';
import type { PathPort, PathPortOwner } from './path-port.js';

/** Numbers of messages of different connections of a path do not meet. */
const MESSAGE_ID_BITS = 64n;
const MESSAGE_ID_MASK = (1n << MESSAGE_ID_BITS) - 1n;

/** The path that has the connection. */
export interface PathConnectionOwner {
  /** Before anything that came on the connection is handed over. */
  onUsed(connection: PathConnection): void;
  /** `id` is what `reply` of the path takes. */
  onMessage(id: bigint, body: KcpBody): void;
  onChunk(readerId: number, chunk: Uint8Array): void;
  onRealStreamEnd(readerId: number): void;
  onActivity(): void;
  onFailure(connection: PathConnection, error: KwikError): void;
  /** The peer ended its control stream. False when it may not have. */
  onControlEnd(connection: PathConnection): boolean;
  onClosed(connection: PathConnection, info: TransportCloseInfo): void;
}

/** One of the connections that a path has had: at most two of them at a time, of which one is about to go. */
export class PathConnection implements PathPortOwner {
  readonly port: PathPort;
  /** Counts the connections of the path. */
  readonly generation: number;
  readonly #clock: Clock;
  readonly #path: PathConnectionOwner;
  readonly #answers: PendingAnswers;
  #awaited = 0;
  #owed = 0;
  #left = false;

  constructor(port: PathPort, generation: number, address: string, clock: Clock, path: PathConnectionOwner) {
    this.port = port;
    this.generation = generation;
    this.#clock = clock;
    this.#path = path;
    this.#answers = new PendingAnswers(address);
  }

  /** The data plane flows, and control messages are answered, from now on. */
  start(): void {
    this.port.activate(this);
  }

  send(body: KcpBody): void {
    this.port.control?.channel.send(body, this.#clock.now());
  }

  /** Resolves with the answer; undefined: there is no control stream. */
  request(body: KcpBody, timeoutMs: number): Promise<KcpBody> | undefined {
    const id = this.port.control?.channel.request(body, this.#clock.now(), { timeoutMs });
    if (id === undefined) return undefined;
    this.#awaited++;
    return this.#answers.to(id).finally(() => this.#awaited--);
  }

  reply(to: bigint, body: KcpBody): void {
    this.#owed--;
    this.port.control?.channel.reply(to & MESSAGE_ID_MASK, body, this.#clock.now());
  }

  /** Neither end of it waits for an answer, and all that was to be said is said. */
  get settled(): boolean {
    return this.#awaited === 0 && this.#owed === 0 && (this.port.control?.idle ?? true);
  }

  /** What still comes on it is none of the path's. */
  leave(): void {
    this.#left = true;
  }

  /** Nothing comes on it any more. */
  failAnswers(error: KwikError): void {
    this.#answers.failAll(error);
  }

  /** Whether the data plane knows streams of this connection by that number. */
  owns(readerId: number): boolean {
    return readerId % 2 === this.generation % 2;
  }

  onControlOpen(): void {
    // The control stream was opened in the handshake.
  }

  onControlEvent(event: ControlEvent): void {
    if (this.#left) return;
    this.#path.onUsed(this);
    if (event.kind === 'message') {
      if (isRequest(event.body.$case)) this.#owed++;
      this.#path.onMessage((BigInt(this.generation) << MESSAGE_ID_BITS) | event.id, event.body);
    } else this.#answers.handle(event);
    this.#path.onActivity();
  }

  onControlFailure(error: KwikError): void {
    this.#path.onFailure(this, error);
  }

  onControlEnd(): boolean {
    return this.#path.onControlEnd(this);
  }

  onChunk(realStreamId: number, chunk: Uint8Array): void {
    if (this.#left) return;
    this.#path.onUsed(this);
    this.#path.onChunk(this.#readerId(realStreamId), chunk);
    this.#path.onActivity();
  }

  onRealStreamEnd(realStreamId: number): void {
    if (this.#left) return;
    this.#path.onRealStreamEnd(this.#readerId(realStreamId));
  }

  onSendable(): void {
    this.#path.onActivity();
  }

  onClose(info: TransportCloseInfo): void {
    this.#path.onClosed(this, info);
  }

  /** Both connections have streams of the same numbers. */
  #readerId(realStreamId: number): number {
    return 2 * realStreamId + (this.generation % 2);
  }
}

/** Which connection a message came on. */
export function generationOf(messageId: bigint): number {
  return Number(messageId >> MESSAGE_ID_BITS);
}
