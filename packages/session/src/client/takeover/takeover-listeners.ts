import type { Feature } from '../../runtime/features/feature.js';
import type { SessionContext } from '../../runtime/features/session-context.js';

/** Who wants to hear that the session gets another primary, until it ends. */
export class TakeoverListeners<T> implements Feature {
  readonly #callbacks: SessionContext['callbacks'];
  readonly #name: string;
  readonly #listeners = new Set<(told: T) => void>();

  /** `name`: of the method that registers them. */
  constructor({ callbacks }: Pick<SessionContext, 'callbacks'>, name: string) {
    this.#callbacks = callbacks;
    this.#name = name;
  }

  /** Returns the function that ends it. */
  add(listener: (told: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(told: T): void {
    for (const listener of [...this.#listeners]) this.#callbacks.call(this.#name, listener, told);
  }

  onEnd(): void {
    this.#listeners.clear();
  }
}
