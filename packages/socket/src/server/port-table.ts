import type { Listener } from '@kwik/session';
import type { ProcessFarewell } from '../process/farewell.js';
import { bindPort, type BindOptions, type BoundPort } from '@kwik/session/socket';

/** What of a listener is needed by who takes its port over. */
export interface LeavingListener extends Listener {
  leaveEndpoint(): void;
}

/**
 * UDP ports of this process that servers have left while sockets still use them. Over TCP such a port can be listened on
 * again at once, so a server that asks for it here takes it over.
 */
export class PortTable {
  readonly #left = new Map<string, { readonly port: BoundPort; readonly listener: LeavingListener | undefined }>();

  readonly #farewell: ProcessFarewell;
  readonly #forget = new WeakMap<BoundPort, () => void>();

  constructor(farewell: ProcessFarewell) {
    this.#farewell = farewell;
  }

  /** A port of its own, or one that another server has left. Throws as `bindPort` does. */
  take(options: BindOptions): BoundPort {
    const left = this.#left.get(keyOf(options));
    if (left === undefined) return this.#bind(options);
    this.#left.delete(keyOf(options));
    left.listener?.leaveEndpoint();
    return left.port;
  }

  #bind(options: BindOptions): BoundPort {
    const port = bindPort(options);
    this.#forget.set(port, this.#farewell.addTransmitter(port));
    return port;
  }

  /** The server is closed; `ended` resolves when nothing uses the port any more, which is then free. */
  leave(port: BoundPort, options: BindOptions, listener: LeavingListener | undefined, ended: Promise<unknown>): void {
    const key = keyOf({ ...options, port: port.address().port });
    const left = { port, listener };
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
