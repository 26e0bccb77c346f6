import type { Listener } from '@kwik/session';
import type { ProcessFarewell } from '../process/farewell.js';
import { bindPort, type BindOptions, type BoundPort } from '@kwik/session/socket';

/** What of a listener is needed by who takes its port over. */
interface LeavingListener extends Listener {
  leaveEndpoint(): void;
}

/** A port for a server. */
export interface TakenPort {
  readonly port: BoundPort;
  /** Resolves when the server that had it before, if any, listens there no longer. */
  readonly free: Promise<void>;
}

interface LeftPort {
  readonly port: BoundPort;
  /** Of the server that has left it; it may still be on its way to listen. */
  readonly serving: Promise<LeavingListener>;
}

/**
 * UDP ports of this process that servers have left while sockets still use them. Over TCP such a port can be listened on
 * again at once, so a server that asks for it here takes it over.
 */
export class PortTable {
  readonly #left = new Map<string, LeftPort>();

  readonly #farewell: ProcessFarewell;
  readonly #forget = new WeakMap<BoundPort, () => void>();

  constructor(farewell: ProcessFarewell) {
    this.#farewell = farewell;
  }

  /** A port of its own, or one that another server has left. Throws as `bindPort` does. */
  take(options: BindOptions): TakenPort {
    const left = this.#left.get(keyOf(options));
    if (left === undefined) return { port: this.#bind(options), free: Promise.resolve() };
    this.#left.delete(keyOf(options));
    const free = left.serving.then(
      (listener) => listener.leaveEndpoint(),
      () => undefined,
    );
    return { port: left.port, free };
  }

  #bind(options: BindOptions): BoundPort {
    const port = bindPort(options);
    this.#forget.set(port, this.#farewell.addTransmitter(port));
    return port;
  }

  /** The server is closed; `ended` resolves when nothing uses the port any more, which is then free. */
  leave(left: LeftPort, options: BindOptions, ended: Promise<unknown>): void {
    const { port } = left;
    const key = keyOf({ ...options, port: port.address().port });
    this.#left.set(key, left);
    void ended.finally(() => {
      if (this.#left.get(key) !== left) return;
      this.#left.delete(key);
      this.#forget.get(port)?.();
      void port.close();
    });
  }
}

function keyOf({ host = '', port = 0, loopbackOnly }: BindOptions): string {
  return `${host} ${port} ${loopbackOnly}`;
}
