import { addAbortSignal, type Duplex } from 'node:stream';
import { type BlockList, isIP } from 'node:net';
import { nextTick } from 'node:process';
import { checkConnect, type CheckedConnect, type ConnectOptions } from '../arguments/connect-options.js';
import { type Callback, normalizeArguments } from '../arguments/normalize.js';
import { refuseConnect, refuseTimeout, unsupported } from '../arguments/refused-by-node.js';
import { checkSocketOptions, type SocketOptions } from '../arguments/socket-options.js';
import { type Callable, callable } from '../callable.js';
import type { Carrier } from '../carrier/carrier.js';
import { connectError, nodeError } from '../errors.js';
import { network } from '../network.js';
import { Holder } from '../process/process-hold.js';
import { connectCarrier } from './connect-carrier.js';
import { connectEvents } from './connect-events.js';
import { IdleTimer } from './idle-timer.js';
import { Inflow } from './inflow.js';
import { inNodesWords } from './in-nodes-words.js';
import { bytesWaitingIn, type Chunk, Outflow, toBytes } from './outflow.js';
import { SystemOptions } from './system-options.js';
import { UserBuffer } from './user-buffer.js';

export interface SocketAddressInfo {
  readonly address?: string;
  readonly family?: string;
  readonly port?: number;
}

type Done = (error?: Error | null) => void;
type Write = (chunk: unknown, encoding?: BufferEncoding | Done, done?: Done) => boolean;

/** Of what belongs to a server. */
export const adopt = Symbol('adopt');

/** `net.Socket` over a stream of a KWIK session. */
// eslint-disable-next-line no-restricted-syntax -- it is a Duplex, new or not
export class KwikSocket extends SystemOptions {
  /** As of a `net.Socket` whose handle is gone: nothing finds a descriptor or a libuv stream here. */
  readonly _handle = null;
  connecting = false;
  server: unknown = null;
  /** Milliseconds of `setTimeout`. */
  timeout?: number;
  declare autoSelectFamilyAttemptedAddresses: string[];
  declare readonly blockList?: BlockList;
  readonly #timer = new IdleTimer(() => this._onTimeout());
  readonly #holder = new Holder(network.hold);
  readonly #userBuffer: UserBuffer | undefined;
  #refd = true;
  #carrier: Carrier | undefined;
  #inflow: Inflow | undefined;
  #dialling: AbortController | undefined;
  #remote: SocketAddressInfo = {};
  readonly #outflow = new Outflow(this);
  #bytesRead = 0;
  #resetsPeer = false;
  #onClosed: (() => void) | undefined;
  #forget: (() => void) | undefined;

  /** `existing`: a `net.Socket` that was never connected, which becomes one of these (`register`). */
  constructor(options: SocketOptions | number = {}, existing?: Duplex) {
    if (typeof options === 'number' || 'fd' in options || 'handle' in options) {
      throw unsupported('a socket of a descriptor or a handle');
    }
    checkSocketOptions(options);
    const { signal, ...ofStream } = options;
    const allowHalfOpen = Boolean(options.allowHalfOpen);
    super({ ...ofStream, allowHalfOpen, emitClose: false, autoDestroy: true }, existing);
    this.#userBuffer = UserBuffer.of(options.onread);
    if (options.blockList) this.blockList = options.blockList;
    if (options.typeOfService !== undefined) this.setTypeOfService(options.typeOfService);
    // Once the peer has ended, and with it this socket, a write says so rather than `write after end`.
    this.on('end', () => {
      if (!this.allowHalfOpen) (this as { write: Write }).write = this.#writeAfterEnd;
    });
    // Not by the stream's constructor: one that was aborted before would destroy what is not there yet.
    if (signal?.aborted === true) nextTick(addAbortSignal, signal, this);
    else if (signal !== undefined) addAbortSignal(signal, this);
  }

  get pending(): boolean {
    return this.#carrier === undefined || this.connecting;
  }

  get _connecting(): boolean {
    return this.connecting;
  }

  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening';
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  /** Undefined while there is no connection, though the types of `node:net` do not say so. */
  get bufferSize(): number {
    return this.#carrier === undefined && !this.connecting ? (undefined as unknown as number) : this.writableLength;
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** With what waits in the stream, and for the connection. */
  get bytesWritten(): number {
    return this.#outflow.bytes + bytesWaitingIn(this);
  }

  get remoteAddress(): string | undefined {
    return this.#remote.address;
  }

  get remoteFamily(): string | undefined {
    return this.#remote.family;
  }

  get remotePort(): number | undefined {
    return this.#remote.port;
  }

  get localAddress(): string | undefined {
    return this.#local.address;
  }

  get localFamily(): string | undefined {
    return this.#local.family;
  }

  get localPort(): number | undefined {
    return this.#local.port;
  }

  address(): SocketAddressInfo {
    return this.#local;
  }

  connect(options: ConnectOptions, onConnect?: () => void): this;
  connect(port: number | string, host: string, onConnect?: () => void): this;
  connect(port: number | string, onConnect?: () => void): this;
  connect(...args: unknown[]): this;
  connect(...args: unknown[]): this {
    const { options, callback }: { options: ConnectOptions; callback: Callback | undefined } = normalizeArguments(args);
    if (callback !== undefined) this.once('connect', callback);
    if (options.port === undefined && (options.path ?? null) === null) refuseConnect(options);
    const checked = checkConnect(options);
    this.#timer.refresh();
    if (this.connecting) {
      nextTick(() => this.#refuseSecond(checked));
      return this;
    }
    if (this.destroyed || this.#carrier !== undefined) this.#renew();
    this.connecting = true;
    this.#updateHold();
    const dialling = new AbortController();
    this.#dialling = dialling;
    const { signal } = dialling;
    const listener = connectEvents(this, checked.host);
    // A dial may go on without the socket, for others: what is written for a later connection is not for its request.
    const takeWritten = (most: number): Uint8Array => this.#outflow.takeWaiting(signal.aborted ? 0 : most);
    connectCarrier(network, checked, { listener, signal, takeWritten, blockList: this.blockList }).then(
      (carrier) => nextTick(() => this.#onConnected(carrier, signal)),
      (error: unknown) => nextTick(() => signal.aborted || this.destroy(error as Error)),
    );
    return this;
  }

  setTimeout(ms: number, callback?: () => void): this {
    if (this.destroyed) return this;
    const fits = typeof ms === 'number' && ms >= 0 && ms < Infinity;
    if (!fits || (callback !== undefined && typeof callback !== 'function')) refuseTimeout(ms, callback);
    this.timeout = ms;
    this.#timer.set(ms);
    if (callback === undefined) return this;
    if (ms === 0) this.removeListener('timeout', callback);
    else this.once('timeout', callback);
    return this;
  }

  ref(): this {
    this.#refd = true;
    this.#updateHold();
    return this;
  }

  unref(): this {
    this.#refd = false;
    this.#updateHold();
    return this;
  }

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  resetAndDestroy(): this {
    if (this.#carrier === undefined && !this.connecting) {
      return this.destroy(nodeError(Error, 'ERR_SOCKET_CLOSED', 'Socket is closed'));
    }
    if (this.connecting) this.once('connect', () => this.#reset());
    else this.#reset();
    return this;
  }

  override pause(): this {
    if (this.#userBuffer !== undefined) this.#inflow?.stop();
    return super.pause();
  }

  override resume(): this {
    this.#resumeUserBuffer();
    return super.resume();
  }

  override read(size?: number): unknown {
    this.#resumeUserBuffer();
    return super.read(size);
  }

  // --- For http and others that know these names ---

  _onTimeout(): void {
    this.emit('timeout');
  }

  _unrefTimer(): void {
    this.#timer.refresh();
  }

  // --- What streams call ---

  override _read(size: number): void {
    if (this.connecting || this.#inflow === undefined) this.once('connect', () => this._read(size));
    else if (!this.#inflow.reading) this.#inflow.start();
  }

  override _write(chunk: Uint8Array | string, encoding: BufferEncoding, done: Done): void {
    this._writev([{ chunk, encoding }], done);
  }

  override _writev(chunks: readonly Chunk[], done: Done): void {
    this.#timer.refresh();
    this.#outflow.write(chunks.map(toBytes), done);
  }

  override _final(done: Done): void {
    if (this.pending) {
      this.once('connect', () => this._final(done));
      return;
    }
    this.#carrier?.end();
    nextTick(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const hadHandle = this.connecting || this.#carrier !== undefined;
    this.connecting = false;
    this.#dialling?.abort();
    this.#dialling = undefined;
    this.#timer.clear();
    this.#letGo();
    this.#updateHold();
    done(error);
    // A socket of the system is closed in a later turn of the loop, and only then does node:net say how.
    if (hadHandle) setImmediate(() => this.emit('close', error !== null));
    else nextTick(() => this.emit('close'));
    this.#onClosed?.();
    this.#onClosed = undefined;
  }

  /** A connection that a server has accepted. */
  [adopt](carrier: Carrier, { onClosed, paused }: { onClosed: () => void; paused: boolean }): void {
    this.#onClosed = onClosed;
    this.#attach(carrier);
    if (paused) this.pause();
    else this.read(0);
  }

  // --- Helpers ---

  get #local(): SocketAddressInfo {
    return this.#carrier === undefined ? {} : infoOf(this.#carrier.addresses.local);
  }

  #onConnected(carrier: Carrier, signal: AbortSignal): void {
    if (signal.aborted) {
      carrier.leave({ abrupt: true, held: false });
      return;
    }
    this.#dialling = undefined;
    this.connecting = false;
    this.#attach(carrier);
    this.#timer.refresh();
    this.emit('connect');
    this.emit('ready');
    if (!this.destroyed && !this.isPaused()) this.read(0);
  }

  #attach(carrier: Carrier): void {
    this.#carrier = carrier;
    this.#forget = network.farewell.addCarrier(carrier);
    this.#outflow.attach(carrier);
    this.#remote = infoOf(carrier.addresses.remote);
    this.#inflow = new Inflow(carrier, {
      onChunk: (chunk) => this.#onChunk(chunk),
      onEnd: () => {
        this.push(null);
        this.read(0);
      },
      onError: (error) => this.destroy(inNodesWords(error, 'read')),
    });
    this.#updateHold();
  }

  #onChunk(chunk: Buffer): boolean {
    this.#timer.refresh();
    this.#bytesRead += chunk.length;
    return this.#userBuffer === undefined ? this.push(chunk) : this.#userBuffer.deliver(chunk);
  }

  #resumeUserBuffer(): void {
    if (this.#userBuffer === undefined || this.connecting || this.#inflow?.reading !== false) return;
    if (this.#userBuffer.resume()) this.#inflow.start();
  }

  readonly #writeAfterEnd: Write = (chunk, encoding, done) => {
    if (!this.writableEnded) return super.write(chunk, encoding as BufferEncoding, done);
    const error = nodeError(Error, 'EPIPE', 'This socket has been ended by the other party');
    const callback = typeof encoding === 'function' ? encoding : done;
    if (callback !== undefined) nextTick(callback, error);
    this.destroy(error);
    return false;
  };

  /** Of its connection, if it has one. */
  #letGo(): void {
    this.#inflow?.end();
    const carrier = this.#carrier;
    this.#carrier = undefined;
    this.#outflow.attach(undefined);
    this.#forget?.();
    this.#forget = undefined;
    carrier?.leave({ abrupt: this.#resetsPeer, held: this.#refd });
  }

  #reset(): void {
    this.#resetsPeer = true;
    this.destroy();
  }

  /** Like a socket of the system, it connects to one place at a time. */
  #refuseSecond({ host: address, port }: CheckedConnect): void {
    if (!this.connecting) return;
    const family = isIP(address);
    if (family !== 0) this.emit('connectionAttempt', address, port, family);
    this.destroy(connectError('EALREADY', { address, port }));
  }

  /** As new, for another connection. */
  #renew(): void {
    this.#letGo();
    this.#inflow = undefined;
    this.#remote = {};
    this.#bytesRead = 0;
    this.#outflow.renew();
    this.#resetsPeer = false;
    delete (this as { write?: Write }).write;
    // Node's types do not have what node:net itself calls here.
    (this as unknown as { _undestroy(): void })._undestroy();
  }

  #updateHold(): void {
    this.#holder.set(this.#refd && (this.connecting || this.#carrier !== undefined));
  }
}

export const Socket: Callable<typeof KwikSocket> = callable(KwikSocket);
export type Socket = KwikSocket;

function infoOf({ address, family, port }: SocketAddressInfo): SocketAddressInfo {
  return {
    ...(address !== undefined && { address }),
    ...(family !== undefined && { family }),
    ...(port !== undefined && { port }),
  };
}
