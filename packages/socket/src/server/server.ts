import { EventEmitter } from 'node:events';
import type { BlockList } from 'node:net';
import type { Session } from '@kwik/session';
import { promisify } from 'node:util';
import { nextTick } from 'node:process';
import { checkBlockList, isBlocked } from '../arguments/block-list.js';
import { checkListen, type CheckedListen, type ServerListenOptions } from '../arguments/listen-options.js';
import { refuseServer } from '../arguments/refused-by-node.js';
import { type Callable, callable } from '../callable.js';
import { nodeError } from '../errors.js';
import { network } from '../network.js';
import { Holder } from '../process/process-hold.js';
import { type KwikSettings, mergeSettings } from '../settings/settings.js';
import { adopt, Socket } from '../socket/socket.js';
import type { Arrival } from './arrivals.js';
import { ServedPort } from './served-port.js';
import { addressesToBind } from './bind-address.js';

export interface ServerOptions {
  readonly allowHalfOpen?: boolean;
  readonly pauseOnConnect?: boolean;
  readonly noDelay?: boolean;
  readonly keepAlive?: boolean;
  readonly keepAliveInitialDelay?: number;
  readonly highWaterMark?: number;
  /** Addresses from which nobody is let in (Node 22.13). */
  readonly blockList?: BlockList;
  readonly kwik?: KwikSettings;
}

export type ConnectionListener = (socket: Socket) => void;

export interface PortAddress {
  readonly address: string;
  readonly family: string;
  readonly port: number;
}

/** What `maxConnections` of 0 says changed with Node 21. */
const ZERO_IS_NO_LIMIT = Number.parseInt(process.versions.node) < 21;

type CloseCallback = (error?: Error) => void;

/** `net.Server`: each stream of each session that clients open here is a connection. */
export class KwikServer extends EventEmitter {
  /** As of a `net.Server` that does not listen: there is no handle of the system's to be had. */
  readonly _handle = null;
  allowHalfOpen: boolean;
  pauseOnConnect: boolean;
  noDelay: boolean;
  keepAlive: boolean;
  keepAliveInitialDelay: number;
  highWaterMark: number | undefined;
  /** Connections beyond these are dropped, and none as long as nobody has set it. 0 is as in `node:net`: none before Node 21. */
  declare maxConnections: number;
  declare readonly blockList?: BlockList;
  _connections = 0;
  /** The name that the types of `node:net` still have for it. */
  get connections(): number {
    return this._connections;
  }

  readonly #settings: KwikSettings | undefined;
  readonly #holder = new Holder(network.hold);
  #refd = true;
  #served: ServedPort | undefined;
  /** One for each `listen` and `close`: what belongs to an earlier one is of no interest any more. */
  #turn = 0;
  #binding = false;

  constructor(options?: ServerOptions | ConnectionListener | null, connectionListener?: ConnectionListener) {
    super();
    const given = typeof options === 'function' ? {} : (options ?? {});
    const listener = typeof options === 'function' ? options : connectionListener;
    checkServerOptions(given);
    if (typeof listener === 'function') this.on('connection', listener);
    this.allowHalfOpen = given.allowHalfOpen ?? false;
    this.pauseOnConnect = Boolean(given.pauseOnConnect);
    this.noDelay = Boolean(given.noDelay);
    this.keepAlive = Boolean(given.keepAlive);
    this.keepAliveInitialDelay = Math.trunc(Math.max(0, given.keepAliveInitialDelay ?? 0) / 1000);
    this.highWaterMark = given.highWaterMark === undefined || given.highWaterMark < 0 ? undefined : given.highWaterMark;
    if (given.blockList) this.blockList = given.blockList;
    this.#settings = given.kwik;
  }

  get listening(): boolean {
    return this.#served !== undefined;
  }

  /** Null unless it listens. */
  address(): PortAddress | null {
    const { address, family, port } = this.#served?.address ?? {};
    return address === undefined ? null : { address, family: family!, port: port! };
  }

  /** Binds the port within the call; `listening` follows. */
  listen(port?: number | string | null, host?: string, backlog?: number, onListening?: () => void): this;
  listen(port?: number | string | null, host?: string, onListening?: () => void): this;
  listen(port?: number | string | null, backlog?: number, onListening?: () => void): this;
  listen(port?: number | string | null, onListening?: () => void): this;
  listen(options: ServerListenOptions, onListening?: () => void): this;
  listen(onListening: () => void): this;
  listen(...args: unknown[]): this;
  listen(...args: unknown[]): this {
    if (this.#served !== undefined || this.#binding) {
      const text = 'Listen method has been called more than once without closing.';
      throw nodeError(Error, 'ERR_SERVER_ALREADY_LISTEN', text);
    }
    const checked = checkListen(args);
    if (checked.callback !== undefined) this.once('listening', checked.callback);
    this.#closeOnAbort(checked.signal);
    const turn = ++this.#turn;
    addressesToBind(
      checked.host,
      (error, addresses) => {
        if (turn !== this.#turn) return;
        this.#binding = false;
        if (error !== null) nextTick(() => this.emit('error', error));
        else this.#bind(addresses, checked, turn);
      },
      () => (this.#binding = true),
    );
    return this;
  }

  close(callback?: CloseCallback): this {
    this.#turn += 1;
    this.#binding = false;
    if (typeof callback === 'function') {
      if (this.#served !== undefined) this.once('close', callback);
      else this.once('close', () => callback(nodeError(Error, 'ERR_SERVER_NOT_RUNNING', 'Server is not running.')));
    }
    const served = this.#served;
    this.#served = undefined;
    this.#holder.set(false);
    served?.leave(network.ports);
    this.#emitCloseIfDrained();
    return this;
  }

  getConnections(callback: (error: Error | null, count: number) => void): this {
    nextTick(callback, null, this._connections);
    return this;
  }

  ref(): this {
    this.#refd = true;
    this.#holder.set(this.listening);
    return this;
  }

  unref(): this {
    this.#refd = false;
    this.#holder.set(false);
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.listening) await promisify((done: CloseCallback) => this.close(done))();
  }

  override [EventEmitter.captureRejectionSymbol](error: Error, event: string | symbol, ...args: unknown[]): void {
    if (event === 'connection') (args[0] as Socket).destroy(error);
    else this.emit('error', error);
  }

  #bind(addresses: readonly (string | undefined)[], checked: CheckedListen, turn: number): void {
    try {
      const settings = mergeSettings(network.settings(this.#settings), checked.kwik);
      this.#served = ServedPort.bind(network.ports, { addresses, checked, settings });
    } catch (error) {
      nextTick(() => this.emit('error', error));
      return;
    }
    this.#holder.set(this.#refd);
    const served = this.#served;
    const told = {
      onSession: (session: Session) => network.farewell.addSession(session),
      onArrival: (arrival: Arrival) => this.#onArrival(served, arrival),
    };
    served.serve(told).then(
      () => nextTick(() => turn === this.#turn && this.emit('listening')),
      (error: unknown) => nextTick(() => turn === this.#turn && this.#onFailed(error)),
    );
  }

  /** It could be bound, and cannot be served. */
  #onFailed(error: unknown): void {
    this.#served?.leave(network.ports);
    this.#served = undefined;
    this.#holder.set(false);
    this.emit('error', error);
  }

  #onArrival(served: ServedPort, arrival: Arrival): void {
    if (this.#served !== served) {
      arrival.refuse();
      return;
    }
    const { local, remote } = arrival.addresses;
    if (isBlocked(this.blockList, remote.address)) {
      arrival.accept(network.hold).leave({ abrupt: false, held: false });
      return;
    }
    if (this.#isFull()) {
      arrival.accept(network.hold).leave({ abrupt: false, held: false });
      this.emit('drop', {
        localAddress: local.address,
        localPort: local.port,
        localFamily: local.family,
        remoteAddress: remote.address,
        remotePort: remote.port,
        remoteFamily: remote.family,
      });
      return;
    }
    const marks = this.highWaterMark === undefined ? {} : bothWays(this.highWaterMark);
    const socket = new Socket({ allowHalfOpen: this.allowHalfOpen, ...marks });
    const onClosed = (): void => {
      this._connections -= 1;
      served.connections -= 1;
      this.#emitCloseIfDrained();
    };
    this._connections += 1;
    served.connections += 1;
    socket[adopt](arrival.accept(network.hold), { onClosed, paused: this.pauseOnConnect });
    socket.server = this;
    this.emit('connection', socket);
  }

  #isFull(): boolean {
    // Whatever an application has set it to.
    const most = this.maxConnections as number | null | undefined;
    if (most === undefined || most === null || (most === 0 && ZERO_IS_NO_LIMIT)) return false;
    return this._connections >= most;
  }

  #closeOnAbort(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const onAbort = (): void => void this.close();
    if (signal.aborted) nextTick(onAbort);
    else {
      signal.addEventListener('abort', onAbort, { once: true });
      this.once('close', () => signal.removeEventListener('abort', onAbort));
    }
  }

  #emitCloseIfDrained(): void {
    if (this.#served !== undefined || this._connections > 0) return;
    nextTick(() => this.emit('close'));
  }
}

export const Server: Callable<typeof KwikServer> = callable(KwikServer);
export type Server = KwikServer;

function checkServerOptions(options: unknown): asserts options is ServerOptions {
  if (typeof options !== 'object' || options === null) refuseServer(options);
  const { keepAliveInitialDelay, highWaterMark, blockList } = options as ServerOptions;
  const isNumber = (value: unknown): boolean => value === undefined || typeof value === 'number';
  if (!isNumber(keepAliveInitialDelay) || !isNumber(highWaterMark)) refuseServer(options);
  if (blockList) checkBlockList(blockList);
}

function bothWays(highWaterMark: number): { readableHighWaterMark: number; writableHighWaterMark: number } {
  return { readableHighWaterMark: highWaterMark, writableHighWaterMark: highWaterMark };
}
