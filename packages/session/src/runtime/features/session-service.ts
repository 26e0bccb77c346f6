import type { ServiceLevel } from '@kwik/wire';
import { ServiceLevels } from '../../core/service/service-levels.js';
import type { Shortage } from '../host/shortage.js';
import type { UserCallbacks } from '../host/user-callbacks.js';
import type { SessionContext } from './session-context.js';
import type { Feature } from './feature.js';

const ENDED: ServiceLevel = { level: 'none', reason: 'the session has ended' };

/** How much of its service a session has now, and who wants to hear of changes. */
export class SessionService implements Feature {
  readonly #levels = new ServiceLevels();
  readonly #callbacks: UserCallbacks;
  readonly #listeners = new Set<(level: ServiceLevel) => void>();
  readonly #leave: () => void;
  #ended = false;

  constructor({ paths, callbacks }: Pick<SessionContext, 'paths' | 'callbacks'>, shortage: Shortage) {
    this.#callbacks = callbacks;
    paths.onChange((path) => this.#tellIf(this.#levels.onPath(path)), 'state');
    this.#levels.onShortage(shortage.limits.text);
    this.#leave = shortage.onChange(({ text }) => this.#tellIf(this.#levels.onShortage(text)));
  }

  get level(): ServiceLevel {
    return this.#ended ? ENDED : this.#levels.level;
  }

  onChange(listener: (level: ServiceLevel) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onEnd(): void {
    this.#ended = true;
    this.#leave();
    this.#listeners.clear();
  }

  #tellIf(changed: boolean): void {
    if (!changed) return;
    const { level } = this;
    for (const listener of [...this.#listeners]) this.#callbacks.call('onServiceLevelChange', listener, level);
  }
}
