import type { Takeover } from '../../api/takeover.js';
import type { Feature } from '../../runtime/features/feature.js';
import type { SessionContext } from '../../runtime/features/session-context.js';

/** Who wants to hear that the session has another primary, until it ends. */
export class TakeoverListeners implements Feature {
  readonly #callbacks: SessionContext['callbacks'];
  readonly #listeners = new Set<(takeover: Takeover) => void>();

  constructor({ callbacks }: Pick<SessionContext, 'callbacks'>) {
    this.#callbacks = callbacks;
  }

  /** Returns the function that ends it. */
  add(listener: (takeover: Takeover) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(takeover: Takeover): void {
    for (const listener of [...this.#listeners]) this.#callbacks.call('onTakeover', listener, takeover);
  }

  onEnd(): void {
    this.#listeners.clear();
  }
}
